"""No scale-down removes a pod that has taken a job and not finished it, however late its probe passes."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from tests.unit.controller.pool.scene import Scene, Workers
from tests.unit.core.strategies import taught

LONGEST_JOB_SECONDS = 40.0
SURE_OF_STARTS = 7
"""Starts from which on this pool delays one: before, it starts a replica for each request, as a new one."""


def spec(*, sees_in_flight: bool, prior_seconds: float = 15.0) -> PoolSpec:
    source = SourceSpec(
        "jobs",
        sees_in_flight=sees_in_flight,
        max_service_seconds=None if sees_in_flight else LONGEST_JOB_SECONDS + 5.0,
    )
    return PoolSpec(
        max_replicas=5,
        budget_seconds=10.0,
        zero_mode=ZeroMode.FIXED,
        idle_seconds=20.0,
        sources=(source,),
        start_prior_seconds=prior_seconds,
    )


workers = st.builds(
    Workers,
    admission_seconds=st.sampled_from((0.5, 1.0, 40.0)),
    container_seconds=st.sampled_from((0.5, 2.0, 15.0)),
    load_seconds=st.sampled_from((1.0, 5.0, 30.0)),
    ready_gap_seconds=st.floats(0.0, 60.0),
    is_probed=st.booleans(),
    flaps=st.booleans(),
    job_seconds=st.floats(0.05, LONGEST_JOB_SECONDS),
)
arrivals = st.lists(st.floats(1.0, 300.0), min_size=1, max_size=25)


@settings(deadline=None, max_examples=80)
@given(
    behaviour=workers,
    jobs=arrivals,
    sees_in_flight=st.booleans(),
    prior_seconds=st.sampled_from((3.0, 15.0, 150.0)),
    seed=st.integers(0, 5),
    restarts_at=st.none() | st.floats(1.0, 300.0),
)
def test_no_scale_down_ends_work(
    behaviour: Workers,
    jobs: list[float],
    sees_in_flight: bool,
    prior_seconds: float,
    seed: int,
    restarts_at: float | None,
) -> None:
    scene = Scene(spec(sees_in_flight=sees_in_flight, prior_seconds=prior_seconds), behaviour, seed)
    if restarts_at is not None:
        scene.run([at for at in jobs if at <= restarts_at], until=restarts_at)
        scene.restart()
        jobs = [at for at in jobs if at > restarts_at]
    scene.run(jobs, until=700.0)
    assert scene.ended == []
    assert scene.queue == []


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("sees_in_flight", [True, False])
@pytest.mark.parametrize("gap_seconds", [5.0, 20.0, 60.0])
def test_a_late_probe_asks_for_no_more_replicas_than_one_that_passes_in_time(
    gap_seconds: float, sees_in_flight: bool, is_new: bool
) -> None:
    """A job of 0.05 s each second."""

    def asked_for(gap_seconds: float) -> int:
        late = Workers(load_seconds=2.0, ready_gap_seconds=gap_seconds, job_seconds=0.05)
        scene = Scene(spec(sees_in_flight=sees_in_flight), late)
        if not is_new:
            scene.state = taught(scene.spec, (4.0,) * SURE_OF_STARTS)
        scene.run([float(second) for second in range(1, 240)], until=240.0)
        assert [change for change in scene.changes if change[2] == 0] == []
        return scene.asked_for

    assert asked_for(gap_seconds) <= asked_for(0.0)


def trips() -> list[float]:
    """Groups of jobs, with pauses of two minutes between them."""
    rng = random.Random(1)
    at, jobs = 0.0, []
    while at < 900.0:
        at += rng.expovariate(0.15) if rng.random() < 0.9 else 120.0
        jobs.append(at)
    return jobs


@pytest.mark.parametrize("sees_in_flight", [True, False])
@pytest.mark.parametrize("job_seconds", [0.05, 20.0])
def test_probes_that_say_little_cost_little(job_seconds: float, sees_in_flight: bool) -> None:
    """Replica-seconds beside those with a probe that passes in time."""

    def cost(**changes: Any) -> float:
        scene = Scene(spec(sees_in_flight=sees_in_flight), Workers(job_seconds=job_seconds, **changes))
        scene.run(trips(), until=1_200.0)
        assert scene.ended == []
        return scene.replica_seconds

    most = 1.3 * cost()
    assert cost(ready_gap_seconds=20.0) <= most
    assert cost(ready_gap_seconds=60.0) <= most
    assert cost(ready_gap_seconds=20.0, flaps=True) <= most
    assert cost(is_probed=False) <= most


def test_the_decision_says_that_replicas_work_and_are_not_ready() -> None:
    late = Workers(load_seconds=2.0, ready_gap_seconds=60.0, job_seconds=5.0)
    scene = Scene(spec(sees_in_flight=True), late)
    scene.run([1.0, 2.0], until=40.0)
    hint = "not Ready, yet work is being taken: check the readiness probe"
    assert any(message.endswith(hint) for message in scene.messages)


def test_a_replica_that_never_becomes_ready_stops_after_its_idle_time() -> None:
    """The job was taken by somebody else."""
    never = Workers(load_seconds=10_000.0, ready_gap_seconds=60.0)
    scene = Scene(spec(sees_in_flight=True), never)
    scene.run([1.0], until=5.0)
    assert scene.desired == 1
    scene.queue.clear()
    scene.run([], until=300.0)
    assert scene.desired == 0
    ((_, _, _, reason),) = scene.changes[1:]
    assert reason == "StopIdle"
