"""Which starts are taken back once nobody needs them: none that may have taken work."""

import pytest

from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.observation import Observation, Reading, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from tests.unit.core.strategies import T0, reading, spec_of, taught

SEEN = SourceSpec("queue")
BLIND = SourceSpec("queue", sees_in_flight=False, max_service_seconds=120.0)
NONE, NODE, RUNS = Stage.UNADMITTED, Stage.NO_CONTAINER, Stage.RUNNING
IDLE, BUSY = 0, 1


def starting(stage: Stage, age: float, removed_with: Stage | None = None) -> StartingReplica:
    begun_at = None if stage is NONE else T0 - age
    return StartingReplica(T0 - age, stage, begun_at, removed_with=removed_with)


def decided(
    spec: PoolSpec,
    ready: int,
    replicas: tuple[StartingReplica, ...],
    in_flight: int = IDLE,
    after: float = 2.0,
) -> Decision:
    """What is decided so many seconds after the queue was first seen empty."""
    state: PoolState = taught(spec, (20.0,) * 8)._replace(worked_at=T0)
    target = Replicas(ready + len(replicas), ready, replicas)
    seen = in_flight if spec.sources[0].sees_in_flight else None

    def look(at: float) -> Decision:
        nonlocal state
        demand: Reading = reading(at, in_flight=seen)
        decision, state = decide(at, spec, Observation((demand,), target), state)
        return decision

    look(T0)
    return look(T0 + after)


TAKEN_BACK: dict[str, tuple[SourceSpec, int, tuple[StartingReplica, ...], int, int]] = {
    "no node yet": (SEEN, 0, (starting(NONE, 300.0),) * 2, IDLE, 2),
    "no container runs": (SEEN, 0, (starting(NODE, 10.0),) * 2, IDLE, 2),
    "a container runs": (SEEN, 0, (starting(RUNS, 10.0),), IDLE, 0),
    "one of each": (SEEN, 0, (starting(RUNS, 10.0), starting(NODE, 10.0), starting(NONE, 10.0)), IDLE, 2),
    "others work, and it has no node": (SEEN, 1, (starting(NONE, 300.0),), BUSY, 1),
    "others work, and no container of it runs": (SEEN, 1, (starting(NODE, 10.0),), BUSY, 0),
    "work may be unseen, and it has no node": (BLIND, 0, (starting(NONE, 300.0),), IDLE, 1),
    "work may be unseen, and no container of it runs": (BLIND, 0, (starting(NODE, 10.0),), IDLE, 0),
    "one that runs is removed before it": (SEEN, 0, (starting(NONE, 300.0, RUNS),), BUSY, 0),
}


@pytest.mark.parametrize(
    ("source", "ready", "replicas", "in_flight", "taken_back"), TAKEN_BACK.values(), ids=TAKEN_BACK
)
def test_what_is_taken_back(
    source: SourceSpec, ready: int, replicas: tuple[StartingReplica, ...], in_flight: int, taken_back: int
) -> None:
    decision = decided(spec_of(4, source=source), ready, replicas, in_flight)
    assert ready + len(replicas) - decision.replicas == taken_back
    assert (decision.reason is Reason.START_CANCELLED) == bool(taken_back)


def test_without_a_container_it_is_taken_back_once_no_work_can_be_unseen() -> None:
    spec = spec_of(4, source=SourceSpec("queue", sees_in_flight=False, max_service_seconds=5.0))
    early, late = (decided(spec, 0, (starting(NODE, 10.0),), after=after) for after in (3.0, 5.5))
    assert (early.replicas, early.reason, early.due_at) == (1, Reason.STARTING, T0 + 5.0)
    assert (late.replicas, late.reason) == (0, Reason.START_CANCELLED)


def test_one_that_runs_for_too_long_is_idle_like_a_ready_one() -> None:
    """95 % of the starts took up to 24 s: this one is overdue after half as long again."""
    young, old = (decided(spec_of(4), 0, (starting(RUNS, age),)) for age in (20.0, 60.0))
    assert (young.replicas, young.reason) == (1, Reason.STARTING)
    assert (old.replicas, old.reason) == (0, Reason.STOP_IDLE)


def test_one_that_waits_for_a_node_keeps_no_idle_replica_up() -> None:
    """Of a StatefulSet, number 0 has no node and number 1 is ready: they can only stop together."""
    decision = decided(spec_of(4), 1, (starting(NONE, 300.0, RUNS),), after=60.0)
    assert (decision.replicas, decision.reason) == (0, Reason.STOP_IDLE)
