"""No condition turns True because the operator can't see: it becomes Unknown, or stays as it was."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.status import ConditionStatus
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.core.billing.amounts import Amounts, Row, Unit
from poolkeeper.core.billing.books import Books
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.observation import CLEAR, Unavailable
from poolkeeper.kube.objects.conflicts import NamespaceScalers
from poolkeeper.kube.transport.errors import ApiUnreachable, TargetMissing
from tests.component.controller.fake_cluster import HPA, FakeCluster
from tests.component.controller.front.http_fakes import ready_pod
from tests.unit.core.strategies import taught

pytestmark = pytest.mark.virtual_time

KEY = PoolKey("ns", "pool")
SILENT = ApiUnreachable("ApiTimeout", "the API server does not answer")
UNSUITABLE = Verdict(False, "ServiceMissing", "there is no such Service")
GPU = AcceleratorClassSpec(
    vendor="NVIDIA", display_name="GPU", node_tail_seconds=0, resource_name="nvidia.com/gpu"
)
FAILING = replace(
    ready_pod("10.1.0.2"),
    is_ready=False,
    ready_at=None,
    failure="CrashLoopBackOff",
    has_node=True,
    labels={"app": "worker"},
)
DEAR = (Row(0, Unit("cpu", 1, 51_000_000, None), Amounts(busy=3600.0)),)
"""One hour of a replica for $51."""
ALONE: dict[str, Any] = {"with": [{"name": "nobody"}]}
CAN_NOT_BE_BAD = {ConditionType.SCALED_TO_ZERO}
"""A state and no judgement: what makes it True is tested by itself."""


async def all_is_bad() -> FakeCluster:
    """A pool of which every condition is False, each for a cause that was seen."""
    cluster = FakeCluster()
    cluster.store.classes["cpu"] = GPU
    cluster.scales.replicas["worker"] = 3
    cluster.scalers = NamespaceScalers((HPA,))
    pods = (replace(ready_pod("10.1.0.1"), labels={"app": "worker"}), FAILING)
    cluster.pods.present = {pod.uid: pod for pod in pods}
    windows = [{"name": "office", "start": "61 8 * * *", "end": "0 18 * * *"}]
    cluster.declare(
        replicas={"min": 0, "max": 4, "step": 2},
        scaleToZero={"mode": "Fixed", "idleSeconds": 5, "windows": windows},
        budget={"dollarsPerDay": "50"},
        **ALONE,
    )
    cluster.publish(50, in_flight=9)
    await cluster.look()
    pool = cluster.store.get(KEY)
    assert pool is not None
    assert pool.resolved is not None
    pool.state = taught(pool.resolved, (60.0,) * 6, now=cluster.now)
    assert pool.meter is not None
    pool.meter = pool.meter._replace(books=Books(total=DEAR, today=DEAR))
    cluster.readings.front_turned(KEY, CLEAR, UNSUITABLE)
    cluster.store.bill_problem = Verdict(False, "BillForbidden", "ConfigMaps may not be written")
    await again(cluster)
    await again(cluster, seconds=3.0)
    return cluster


async def again(cluster: FakeCluster, *, queued: int | None = 50, seconds: float = 1.0) -> None:
    """A look some time later, with this reading; None for none."""
    cluster.now += seconds
    if queued is not None:
        cluster.publish(queued, in_flight=9)
    await cluster.look()


def found(cluster: FakeCluster) -> dict[str, ConditionStatus]:
    """The conditions of the pool."""
    pool = cluster.store.get(KEY)
    assert pool is not None
    return {kind: condition.status for kind, condition in pool.history.conditions.items()}


def unavailable(cluster: FakeCluster) -> None:
    """The queue can't be read."""
    cluster.readings.published(KEY, Unavailable("jobs", "Timeout", "no answer", cluster.now))


def without_scale(cluster: FakeCluster) -> None:
    """/scale can't be read."""
    cluster.scales.read_failures.extend([SILENT] * 100)
    expire(cluster)


def without_target(cluster: FakeCluster) -> None:
    """The workload is gone."""
    cluster.scales.read_failures.extend([TargetMissing("worker does not exist")] * 100)
    expire(cluster)


def expire(cluster: FakeCluster) -> None:
    """/scale is read at the next look."""
    pool = cluster.store.get(KEY)
    assert pool is not None
    pool.target.expire()


def without_pods(cluster: FakeCluster) -> None:
    """The pods can't be watched."""
    cluster.pods.problem = SILENT
    cluster.readings.pods_changed("ns", cluster.pods.present)


def without_class(cluster: FakeCluster) -> None:
    """The class was deleted."""
    del cluster.store.classes["cpu"]


def without_scalers(cluster: FakeCluster) -> None:
    """Other scalers and the pod template can't be read."""
    cluster.scalers = SILENT

    def fail() -> None:
        raise SILENT

    cluster.while_looking_around = fail


def unreadable(cluster: FakeCluster) -> None:
    """An edit of the pool that this version of the operator can't read."""
    cluster.declare(generation=2, replicas={"min": "some"})


def blind(cluster: FakeCluster) -> None:
    """Nothing at all can be read."""
    for each in (without_scale, without_pods, without_scalers, unavailable):
        each(cluster)


BLINDNESS: list[Callable[[FakeCluster], None]] = [
    unavailable,
    without_scale,
    without_target,
    without_pods,
    without_class,
    without_scalers,
    unreadable,
    blind,
]


async def test_every_condition_can_be_bad() -> None:
    """Else the tests below would say nothing about it."""
    conditions = found(await all_is_bad())
    assert set(conditions) == set(ConditionType)
    good = {kind for kind, status in conditions.items() if status is ConditionStatus.TRUE}
    assert good - CAN_NOT_BE_BAD == {ConditionType.DEMAND_KNOWN}


async def check(cluster: FakeCluster, before: dict[str, ConditionStatus], *, reads: bool) -> None:
    """Twenty minutes pass in which nothing more is seen."""
    for _ in range(40):
        await again(cluster, queued=50 if reads else None, seconds=30.0)
        for kind, status in found(cluster).items():
            is_good = status is ConditionStatus.TRUE
            assert not is_good or before.get(kind) is ConditionStatus.TRUE, f"{kind} has turned"


@pytest.mark.parametrize("lose", BLINDNESS, ids=lambda each: each.__name__)
async def test_no_condition_turns_good(lose: Callable[[FakeCluster], None]) -> None:
    cluster = await all_is_bad()
    before = found(cluster)
    lose(cluster)
    await check(cluster, before, reads=lose not in (unavailable, blind))


@pytest.mark.parametrize("lose", [None, *BLINDNESS], ids=lambda each: each.__name__ if each else "nothing")
async def test_no_condition_turns_good_after_a_restart(lose: Callable[[FakeCluster], None] | None) -> None:
    """The new process has read nothing, and knows what the status says."""
    cluster = await all_is_bad()
    status, before = cluster.statuses.written[-1], found(cluster)
    other = FakeCluster()
    other.now, other.scales, other.pods = cluster.now + 5.0, cluster.scales, cluster.pods
    other.store.classes["cpu"] = GPU
    other.scalers = SILENT
    other.declare(status=status)
    if lose is not None:
        lose(other)
    await check(other, before | {ConditionType.DEMAND_KNOWN: ConditionStatus.UNKNOWN}, reads=False)


@pytest.mark.parametrize("lose", [without_scale, without_target, blind], ids=lambda each: each.__name__)
async def test_a_writer_who_keeps_changing_the_replicas_is_not_gone_because_nobody_looks(
    cluster: FakeCluster, lose: Callable[[FakeCluster], None]
) -> None:
    cluster.scales.replicas["worker"] = 2
    cluster.declare()
    await again(cluster)
    pool = cluster.store.get(KEY)
    assert pool is not None
    for queued in (51, 52):
        pool.target.contest.changed(None, cluster.now)
        await again(cluster, queued=queued)
    assert cluster.condition("SoleWriter") == ("False", "ReplicasChangedElsewhere")
    before = found(cluster)
    lose(cluster)
    await check(cluster, before, reads=False)


async def test_a_stale_reading_is_no_need_that_the_ceiling_allows(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 2
    cluster.declare()
    cluster.publish(50)
    await cluster.look()
    assert cluster.condition("WithinLimits") == ("False", "AtCeiling")
    await again(cluster, queued=None, seconds=60.0)
    assert cluster.condition("DemandKnown") == ("False", "Stale")
    assert cluster.condition("WithinLimits") == ("Unknown", "DemandUnknown")


async def test_a_pool_is_not_at_zero_by_lack_of_knowledge(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 1
    cluster.declare()
    await again(cluster)
    assert cluster.condition("ScaledToZero")[0] == "False"
    for lose in (without_scale, without_pods, unavailable):
        lose(cluster)
        await again(cluster, queued=None)
        assert cluster.condition("ScaledToZero")[0] != "True"
