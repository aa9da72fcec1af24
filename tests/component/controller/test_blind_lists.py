"""A list whose silence is not believed: what the pool says, and what a standby knows when it takes over."""

from typing import Any

import pytest

from poolkeeper.core.learning.saved import save
from poolkeeper.core.learning.silence import Doubt, Silence
from poolkeeper.core.learning.state import initial_state
from poolkeeper.core.tuning import BLIND_SECONDS, BLIND_STOPS
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time

SOURCE = {"name": "jobs", "redisList": {"address": "redis:6379", "list": "jobs"}, "maxServiceSeconds": 5}
POLLED = {**SOURCE, "redisList": {"address": "redis:6379", "list": "jobs", "processingList": "doing"}}
SOURCES = pytest.mark.parametrize(("source", "in_flight"), [(SOURCE, None), (POLLED, 0)])
SPEC = PoolSpec(max_replicas=2, budget_seconds=1.0, sources=(SourceSpec("jobs", sees_in_flight=False),))


def learned(cluster: FakeCluster) -> dict[str, Any]:
    """A status of a leader that was stopped twice too soon."""
    doubt = Doubt("jobs", BLIND_STOPS, BLIND_SECONDS, cluster.now + BLIND_SECONDS)
    return {"learned": save(initial_state(cluster.now, SPEC)._replace(silence=Silence((doubt,))))}


async def idle(cluster: FakeCluster, seconds: int, in_flight: int | None) -> None:
    """The list is empty, and is looked at every second."""
    for _ in range(seconds):
        cluster.readings.published(PoolKey("ns", "pool"), Sample("jobs", cluster.now, 0, in_flight))
        await cluster.look()
        cluster.now += 1.0


@SOURCES
async def test_replicas_stay_and_the_condition_says_why(
    cluster: FakeCluster, source: dict[str, Any], in_flight: int | None
) -> None:
    cluster.scales.replicas["worker"] = 1
    cluster.declare(demand=[source], status=learned(cluster))
    await idle(cluster, 60, in_flight)
    assert cluster.scales.writes == []
    assert cluster.condition("DemandKnown") == ("False", "ArrivalsUnseen")
    assert ("Warning", "ArrivalsUnseen") in cluster.events
    cluster.now += BLIND_SECONDS
    await idle(cluster, 60, in_flight)
    assert cluster.scales.writes == [("worker", 0)]


@SOURCES
async def test_a_standby_takes_over_what_the_leader_has_learned_from_stops(
    cluster: FakeCluster, source: dict[str, Any], in_flight: int | None
) -> None:
    cluster.scales.replicas["worker"] = 1
    cluster.lease.is_held = False
    cluster.declare(demand=[source])
    await idle(cluster, 3, in_flight)
    cluster.declare(demand=[source], status=learned(cluster))
    cluster.lease.is_held = True
    cluster.readings.leadership_changed(is_leading=True)
    await idle(cluster, 60, in_flight)
    assert cluster.scales.writes == []
    assert cluster.condition("DemandKnown") == ("False", "ArrivalsUnseen")
