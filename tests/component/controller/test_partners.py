"""Pools that are only useful together, such as prefill and decode: all are up, or all are at zero."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.controller.pool.partners import MOST_TOGETHER, group_of
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import CLEAR, Unavailable, Waiting
from poolkeeper.kube.objects.quotas import QuotaObject
from poolkeeper.kube.watch.containers import Container
from poolkeeper.kube.watch.pod import Pod
from tests.component.controller.fake_cluster import FakeCluster
from tests.unit.controller.pool.pods import ready

pytestmark = pytest.mark.virtual_time

HANDS_OVER = Waiting("Settling", "the activators are not in place yet")


class Group:
    """Pools whose targets have their names. Their pods are Ready as soon as they are asked for."""

    def __init__(self, **links: tuple[str, ...]) -> None:
        self.cluster = FakeCluster()
        self.cluster.containers = [{"name": "server", "resources": {"requests": {"cpu": "1"}}}]
        self.names, self.makes_pods, self.generation = tuple(links), True, 0
        for name, named in links.items():
            self.cluster.scales.replicas[name] = 0
            self.declare(name, named)

    def declare(self, name: str, named: tuple[str, ...], generation: int = 1, **changes: Any) -> None:
        partners = [{"name": each} for each in named]
        self.cluster.declare(
            name, generation=generation, targetRef={"name": name}, **{"with": partners}, **changes
        )

    async def settle(self, seconds: float = 0.5, **demand: tuple[int, int]) -> None:
        """Time passes in which the queues show the same, and every pool that is due is looked at until none
        is."""
        for _ in range(max(1, round(seconds))):
            self.cluster.now += min(seconds, 1.0)
            for name in self.names:
                queued, in_flight = demand.get(name, (0, 0))
                self.publish(name, Sample("jobs", self.cluster.now, queued, in_flight))
                await self.cluster.look(name)
            await self.look()
            self.cluster.quotas.settle()
            await self.look()
            if self.makes_pods:
                self.show_pods()
                await self.look()

    def show_pods(self) -> None:
        wanted = {
            f"{name}-{number}": name
            for name in self.names
            for number in range(self.cluster.scales.replicas[name])
        }
        known = self.cluster.pods.present
        made = {uid: known.get(uid) or self.ready_pod(uid, name) for uid, name in sorted(wanted.items())}
        if made.keys() != known.keys():
            self.cluster.pods.present = made
            self.cluster.readings.pods_changed("ns", made)

    def ready_pod(self, uid: str, name: str) -> Pod:
        now = float(int(self.cluster.now))
        labels, owner = {"app": name}, ("ReplicaSet", f"{name}-1")
        container = Container("server", True, (), ())
        changes = {"labels": labels, "controller": owner, "containers": (container,), "is_running": True}
        return ready(uid, now, now, **changes)

    def publish(self, name: str, news: Sample | Unavailable) -> None:
        self.cluster.readings.published(PoolKey("ns", name), news)

    async def look(self) -> None:
        agenda = self.cluster.agenda
        for _ in range(20 * len(self.names)):
            if not len(agenda):
                return
            key = await agenda.take()
            await self.cluster.reconciler.reconcile(key)
            agenda.done(key)
        raise AssertionError("the pools never settle: each look makes another one due")

    @property
    def replicas(self) -> tuple[int, ...]:
        return tuple(self.cluster.scales.replicas[name] for name in self.names)

    def decision(self, name: str) -> tuple[str, str]:
        pool = self.cluster.store.get(PoolKey("ns", name))
        assert pool is not None
        assert pool.decision is not None
        return str(pool.decision.reason), pool.decision.message

    def condition(self, name: str) -> tuple[str, str]:
        return self.cluster.condition("PartnersFound", name)


async def pair(**links: tuple[str, ...]) -> Group:
    group = Group(**(links or {"prefill": ("decode",), "decode": ()}))
    await group.settle()
    return group


@pytest.mark.parametrize("asked", ["prefill", "decode"])
@pytest.mark.parametrize(
    "links",
    [
        {"prefill": ("decode",), "decode": ()},
        {"prefill": (), "decode": ("prefill",)},
        {"prefill": ("decode",), "decode": ("prefill",)},
    ],
)
async def test_what_one_wants_brings_up_the_other(links: dict[str, tuple[str, ...]], asked: str) -> None:
    group = await pair(**links)
    group.makes_pods = False
    await group.settle(0.5, **{asked: (1, 0)})
    assert group.replicas == (1, 1)
    other = next(each for each in group.names if each != asked)
    assert group.decision(other) == ("WithPartners", f"up together with pool {asked}")
    assert group.decision(asked)[1].endswith(f"up with it: pool {other}")
    assert {("Normal", "StartAtOnce"), ("Normal", "WithPartners")} <= set(group.cluster.events)
    assert group.condition(asked) == ("True", "PartnersFound")


async def test_each_has_as_many_replicas_as_it_needs_itself() -> None:
    group = await pair()
    await group.settle(prefill=(2, 0))
    assert group.replicas == (2, 1)


async def running(group: Group, **demand: tuple[int, int]) -> None:
    """Until the replicas that were asked for have been up for long."""
    for _ in range(4):
        await group.settle(10.0, **demand)


async def test_they_stop_once_all_are_idle_and_not_before() -> None:
    group = await pair()
    await running(group, prefill=(0, 1), decode=(1, 0))
    up = group.replicas
    assert min(up) >= 1
    await group.settle(10.0, prefill=(0, 1))
    await group.settle(10.0, prefill=(0, 1))
    assert min(group.replicas) >= 1, "decode is idle, prefill works"
    for _ in range(6):
        await group.settle(10.0)
    assert group.replicas == (0, 0)


async def test_no_last_replica_stops_while_another_pool_hands_over() -> None:
    group = await pair()
    await running(group, prefill=(0, 1), decode=(1, 0))
    group.cluster.readings.front_turned(PoolKey("ns", "decode"), HANDS_OVER, None)
    for _ in range(6):
        await group.settle(10.0)
    assert min(group.replicas) >= 1
    assert group.decision("decode")[0] == "HandingOver"
    reason, message = group.decision("prefill")
    assert reason == "StoppingTogether"
    assert message.endswith("this waits until the last replicas of pool decode may stop too")
    group.cluster.readings.front_turned(PoolKey("ns", "decode"), CLEAR, None)
    await group.look()
    assert group.replicas == (0, 0), "in one turn"


async def test_unknown_demand_of_one_keeps_the_other() -> None:
    group = await pair()
    await running(group, prefill=(0, 1), decode=(1, 0))
    for _ in range(6):
        group.publish("decode", Unavailable("jobs", "Timeout", "no answer", group.cluster.now))
        group.cluster.now += 10.0
        group.publish("prefill", Sample("jobs", group.cluster.now, 0, 0))
        await group.look()
    assert min(group.replicas) >= 1


async def test_a_pool_that_does_not_exist_moves_nothing() -> None:
    group = await pair(prefill=("decoder",))
    assert group.condition("prefill") == ("False", "PartnerMissing")
    await group.settle(prefill=(1, 0))
    assert group.replicas == (1,)
    for _ in range(8):
        await group.settle(10.0)
    assert group.replicas == (0,)


async def test_a_pool_about_which_nothing_is_decided_keeps_the_last_replicas() -> None:
    group = await pair()
    await running(group, prefill=(0, 1), decode=(1, 0))
    group.declare("decode", (), generation=2, replicas={"min": "some"})
    for _ in range(6):
        await group.settle(10.0)
    assert min(group.replicas) >= 1
    assert group.condition("prefill") == ("Unknown", "PartnerUndecided")
    assert "nothing has been decided yet about pool decode" in group.decision("prefill")[1]


async def test_a_partner_that_is_deleted_or_let_go_is_none_any_more() -> None:
    group = await pair()
    await running(group, prefill=(0, 1), decode=(1, 0))
    group.declare("prefill", (), generation=2)
    for _ in range(6):
        await group.settle(10.0, prefill=(0, 1))
    assert group.replicas[1] == 0
    pool = group.cluster.store.get(PoolKey("ns", "decode"))
    assert pool is not None
    assert "PartnersFound" not in pool.history.conditions


async def test_pools_of_another_namespace_and_the_pool_itself_are_no_partners() -> None:
    group = await pair(prefill=("prefill",))
    pool = group.cluster.store.get(PoolKey("ns", "prefill"))
    assert pool is not None
    assert group_of(group.cluster.store, pool) == (pool,)
    assert "PartnersFound" not in pool.history.conditions


async def test_a_chain_of_pools_is_followed_so_far() -> None:
    names = [f"p{number}" for number in range(MOST_TOGETHER + 8)]
    links = {before: (after,) for before, after in pairwise(names)} | {names[-1]: ()}
    group = Group(**links)
    pool = group.cluster.store.get(PoolKey("ns", "p0"))
    assert pool is not None
    assert len(group_of(group.cluster.store, pool)) == MOST_TOGETHER


def limit(group: Group, chips: int) -> None:
    """A quota of so many CPUs; a replica of each pool holds one."""
    limits = {"chips": [{"class": "cpu", "chips": chips}]}
    spec = {"namespaces": ["ns"], "limits": limits}
    group.generation += 1
    group.cluster.quotas.seen(QuotaObject("site", "uid", group.generation, spec, {}))


@pytest.mark.parametrize(("chips", "up"), [(1, (0, 0)), (2, (1, 1))])
async def test_quota_admits_all_of_them_or_none(chips: int, up: tuple[int, int]) -> None:
    group = await pair()
    limit(group, chips)
    for _ in range(6):
        await group.settle(1.0, prefill=(1, 0))
    assert group.replicas == up
    if chips == 1:
        limit(group, 2)
        for _ in range(6):
            await group.settle(1.0, prefill=(1, 0))
        assert group.replicas == (1, 1)


async def test_what_a_pool_holds_that_works_with_another_is_not_taken_as_idle() -> None:
    group = await pair(prefill=("decode",), decode=(), other=())
    limit(group, 2)
    for _ in range(6):
        await group.settle(1.0, prefill=(1, 0))
    for _ in range(30):
        await group.settle(1.0, prefill=(0, 1), other=(3, 0))
        assert group.replicas == (1, 1, 0)
    for _ in range(40):
        await group.settle(1.0, other=(3, 0))
    assert group.replicas[:2] == (0, 0)
    assert group.replicas[2] >= 1


LINKS = st.sampled_from(
    [
        {"a": ("b",), "b": ()},
        {"a": ("b",), "b": ("a",)},
        {"a": ("b",), "b": ("c",), "c": ("a",)},
        {"a": ("b", "c"), "b": (), "c": ()},
    ]
)
TURNS = st.lists(
    st.tuples(
        st.sampled_from([0.5, 2.0, 6.0, 12.0]),
        st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 3), st.integers(0, 2))),
        st.sampled_from(["", "a", "b"]),
    ),
    max_size=12,
)


async def _together(
    links: dict[str, tuple[str, ...]], turns: list[tuple[float, dict[str, tuple[int, int]], str]]
) -> None:
    group = await pair(**links)
    for seconds, demand, handing_over in turns:
        for name in group.names:
            stop = HANDS_OVER if name == handing_over else CLEAR
            group.cluster.readings.front_turned(PoolKey("ns", name), stop, None)
        await group.settle(seconds, **demand)
        assert len({bool(each) for each in group.replicas}) == 1, group.replicas
    for name in group.names:
        group.cluster.readings.front_turned(PoolKey("ns", name), CLEAR, None)
    writes: list[int] = []
    for _ in range(40):
        await group.settle(1.0)
        writes.append(len(group.cluster.scales.writes))
    assert set(group.replicas) == {0}, "nothing keeps idle pools up"
    assert len(set(writes[20:])) == 1, "and nothing brings them up again"


@settings(max_examples=60, deadline=None)
@given(LINKS, TURNS)
def test_all_are_up_or_all_are_at_zero_and_they_settle(
    links: dict[str, tuple[str, ...]], turns: list[tuple[float, dict[str, tuple[int, int]], str]]
) -> None:
    asyncio.run(_together(links, turns))


async def test_a_partner_that_is_only_observed_needs_no_room() -> None:
    group = await pair()
    group.declare("decode", (), generation=2, mode="Observe")
    limit(group, 1)
    for _ in range(6):
        await group.settle(1.0, prefill=(1, 0))
    assert group.replicas == (1, 0)
