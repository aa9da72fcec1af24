"""Pools under a quota: what a look counts, writes and says."""

from typing import Any

import pytest

from poolkeeper.controller.quota.quotas import UNREAD_SECONDS
from poolkeeper.kube.objects.quotas import QuotaObject
from poolkeeper.kube.transport.errors import ApiUnreachable
from tests.component.controller.fake_cluster import FakeCluster
from tests.component.controller.two_classes import World

pytestmark = pytest.mark.virtual_time

ONE_CPU = [{"name": "server", "resources": {"requests": {"cpu": "1"}}}]


def limit(cluster: FakeCluster, limits: dict[str, Any], generation: int = 1, **changes: Any) -> None:
    spec = {"namespaces": ["*"], "limits": limits, **changes}
    cluster.quotas.seen(QuotaObject("site", "uid", generation, spec, {}))


def chips(**of_class: int) -> dict[str, Any]:
    return {"chips": [{"class": name, "chips": number} for name, number in of_class.items()]}


@pytest.fixture(autouse=True)
def replicas_of_one_cpu(cluster: FakeCluster) -> None:
    cluster.containers = ONE_CPU


@pytest.fixture
def world(cluster: FakeCluster) -> World:
    return World(cluster)


async def test_a_fallback_counts_on_its_own_class(world: World) -> None:
    limit(world.cluster, chips(cpu=1, large=1))
    await world.seconds_pass(1)
    assert await world.seconds_pass(60, queued=1) == [("worker", 1), ("other", 1)]
    assert world.cluster.quotas.bank.books["site"].used == [1, 1]


async def test_a_fallback_starts_nothing_that_its_class_has_no_room_for(world: World) -> None:
    limit(world.cluster, chips(large=0))
    await world.seconds_pass(1)
    assert await world.seconds_pass(60, queued=1) == [("worker", 1)]


async def test_a_deleted_pool_frees_what_its_fallbacks_had(world: World) -> None:
    limit(world.cluster, chips(cpu=1, large=1))
    await world.seconds_pass(1)
    await world.seconds_pass(60, queued=1)
    world.cluster.updates.pool_gone(world.pool.key, world.pool.declaration.uid)
    assert world.cluster.quotas.bank.books["site"].used == [0, 0]


async def test_a_pool_says_which_quota_holds_it_back(cluster: FakeCluster) -> None:
    limit(cluster, chips(cpu=0))
    cluster.scales.replicas |= {"worker": 0}
    cluster.declare(coldStart={"budgetSeconds": 60, "start": "Immediately"})
    await cluster.look()
    for _ in range(4):
        cluster.now += 1.0
        cluster.publish(1, 0)
        await cluster.look()
    (pool,) = cluster.store.all()
    said = pool.history.conditions["WithinLimits"]
    assert (said.status, said.reason) == ("False", "AtQuota")
    assert "quota site: 0 of 0 cpu chips in use" in said.message
    assert not cluster.scales.writes


async def test_until_a_pool_was_read_it_counts_with_the_most_that_it_may_have(cluster: FakeCluster) -> None:
    limit(cluster, chips(cpu=10))
    cluster.scales.replicas |= {"worker": 1}
    cluster.declare(replicas={"max": 4})
    await cluster.look()
    books = cluster.quotas.bank.books["site"]
    cluster.now += 20.0
    cluster.publish(0, 1)
    await cluster.look()
    assert books.used == [1]
    (pool,) = cluster.store.all()
    pool.target.forget()
    cluster.quotas.begin()
    assert books.used == [4]
    pool.target.has_failed(ApiUnreachable("ApiTimeout", "no answer"), cluster.now)
    cluster.quotas.ceiling(pool, are_pods_known=True)
    assert books.used == [4]
    cluster.now += UNREAD_SECONDS
    cluster.quotas.ceiling(pool, are_pods_known=True)
    assert books.used == [1], "then it counts with what its status says"


async def test_a_pool_with_more_than_a_new_quota_allows_says_which_quota_it_is(cluster: FakeCluster) -> None:
    cluster.scales.replicas |= {"worker": 2}
    cluster.declare(replicas={"min": 2, "max": 4})
    for second in range(6):
        if second == 3:
            limit(cluster, chips(cpu=1))
        cluster.now += 1.0
        cluster.publish(0, in_flight=2)
        await cluster.look()
        cluster.quotas.settle()
    (pool,) = cluster.store.all()
    assert pool.decision is not None
    assert "2 replicas are more than the 1 that quota allows" in pool.decision.message
    said = pool.history.conditions["WithinLimits"]
    assert (said.status, said.reason) == ("False", "AtQuota")
    assert "quota site: 2 of 1 cpu chips in use" in said.message
