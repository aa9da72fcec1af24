"""Workers whose readiness probe passes late, or who have none: what works is left alone, and starts are what
they are."""

import pytest

from tests.e2e.queue_namespace import Manifest, QueueNamespace
from tests.e2e.side_by_side import Scenario, SideBySide, name_of

LATE = {"READY_DELAY_SECONDS": "20"}
LOAD_SECONDS = 8


def late_probe_under_load(world: QueueNamespace) -> None:
    """Jobs come every second and take longer than a poll; the probe passes 20 s after the first was taken."""
    world.create_queue_and_worker(load_seconds=2, service_seconds=0.7, variables=LATE)
    world.apply(world.quick_pool())
    world.feed(40, 1)
    world.wait_until("a worker has taken jobs", lambda: world.done() > 0, 40)
    world.holds_for("what works is not taken back", lambda: world.replicas() > 0, 25)
    world.wait_until("all jobs are done", lambda: world.done() == 40, 40)
    assert "StartCancelled" not in world.decided()
    assert world.says("ReadinessProbed", "False", "WorksUnready")
    world.wait_until("the pool is at zero", lambda: world.replicas() == 0, 60)


def late_probe_of_brpop_workers(world: QueueNamespace) -> None:
    """The only job takes 25 s; no queue shows it meanwhile, and the worker is not Ready for 20 s of them."""
    world.create_queue_and_worker(load_seconds=2, service_seconds=25, variables={**LATE, "TAKE": "BRPOP"})
    world.apply(world.quick_pool(world.list_without_trace(40)))
    world.push(1)
    world.wait_until("the job is done", lambda: world.done() == 1, 60)
    assert "StartCancelled" not in world.decided()


def no_probe(world: QueueNamespace) -> None:
    """Ready as soon as the process starts; what is learned is when jobs were first taken."""
    world.create_queue_and_worker(load_seconds=LOAD_SECONDS, service_seconds=1, change=without_probe)
    world.apply(world.quick_pool())
    world.push(1)
    world.wait_until("the job is done", lambda: world.done() == 1, 60)
    world.wait_until("the start is learned", lambda: world.starts_seen() > 0, 20)
    assert world.pool_status()["coldStart"]["p50Seconds"] >= LOAD_SECONDS
    assert world.says("ReadinessProbed", "False", "NoReadinessProbe")
    world.wait_until("the pool is at zero", lambda: world.replicas() == 0, 60)


def without_probe(template: Manifest) -> None:
    del template["spec"]["containers"][0]["readinessProbe"]


SCENARIOS = (late_probe_under_load, late_probe_of_brpop_workers, no_probe)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=name_of)
def test_readiness(begun: SideBySide, scenario: Scenario) -> None:
    begun.finish(scenario)
