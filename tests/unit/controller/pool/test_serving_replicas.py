"""Which replicas count as ready: by a probe, by the requests that they take, or by their age."""

from typing import Any

import pytest

from poolkeeper.controller.pool.starts import LATE_PROBE_SECONDS, Rules, Starts
from poolkeeper.core.values.demand import Workload, survey
from poolkeeper.core.values.observation import ArrivalBucket, Observation, Reading, Stage
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from poolkeeper.kube.watch.containers import Container
from poolkeeper.kube.watch.pod import Pod
from tests.unit.controller.pool.pods import pod, ready

USUAL_SECONDS = 60.0
SPEC = PoolSpec(max_replicas=5, budget_seconds=60.0, sources=(SourceSpec("queue"),))
QUEUE = Rules(usual_seconds=USUAL_SECONDS, longest_seconds=USUAL_SECONDS)
SERVICE = Rules(usual_seconds=USUAL_SECONDS, longest_seconds=USUAL_SECONDS, takes_unready=False)
PROBED = (Container("model", is_probed=True, resources=(), ports=()),)
UNPROBED = (Container("model", is_probed=False, resources=(), ports=()),)


def workload(
    now: float, *, waiting_since: tuple[float, ...] = (), in_flight: int = 0, arrived: int
) -> Workload:
    """One reading: requests that have waited since these instants, and how many have arrived in all."""
    buckets = tuple(ArrivalBucket(at, 1) for at in waiting_since)
    reading = Reading("queue", now, len(buckets), in_flight, waiting=buckets, arrived=arrived)
    return survey(now, SPEC, Observation((reading,), None), 0.0)


def runs(uid: str, created_at: float = 100.0, **changes: Any) -> Pod:
    """A pod whose container runs, and that is not Ready."""
    values = {"has_node": True, "is_running": True, "started_at": created_at + 2.0, "containers": PROBED}
    return pod(uid, created_at, **(values | changes))


def unprobed(uid: str, created_at: float = 100.0) -> Pod:
    """A pod that is Ready since its process started."""
    return ready(uid, created_at, created_at + 2.0, is_running=True, containers=UNPROBED)


class Scene:
    """Pods, looked at again and again."""

    def __init__(self, *pods: Pod, rules: Rules = QUEUE) -> None:
        self.starts, self.rules = Starts(), rules
        self.starts.scaled(0, len(pods), at=100.0)
        still = [pod(each.uid, 100.0, has_node=True, containers=each.containers) for each in pods]
        self.starts.follow(still, 101.0, rules)

    def look(self, now: float, pods: list[Pod], seen: Workload | None = None) -> tuple[int, int, int]:
        """How many count as ready, as starting, and as working without being Ready."""
        self.starts.follow(pods, now, self.rules)
        if seen is not None:
            self.starts.note_work(now, SPEC, seen)
        replicas = self.starts.replicas(len(pods), pods, now)
        return replicas.ready, len(replicas.starting), replicas.unready_working


def test_a_request_that_is_taken_is_the_readiness_of_the_longest_running_replica() -> None:
    pods = [runs("b", 101.0), runs("a", 100.0)]
    scene = Scene(*pods)
    assert scene.look(103.0, pods, workload(103.0, waiting_since=(95.0,), arrived=1)) == (0, 2, 0)
    assert scene.look(120.0, pods, workload(120.0, in_flight=1, arrived=1)) == (1, 1, 0)
    (sample,) = [each for each in scene.starts.samples(pods, 120.0) if each.ready_at]
    assert (sample.uid, sample.asked_at, sample.ready_at) == ("a", 100.0, 120.0)
    late = [runs("b", 101.0), ready("a", 100.0, 140.0, is_running=True, containers=PROBED)]
    assert scene.look(140.0, late, workload(140.0, arrived=1)) == (1, 1, 0)
    assert [each for each in scene.starts.samples(late, 140.0) if each.ready_at] == []


def test_requests_in_flight_beyond_the_slots_of_those_that_work_are_on_others() -> None:
    pods = [ready("r", 90.0, 95.0, containers=PROBED, is_running=True), runs("a"), runs("b")]
    scene = Scene(*pods)
    scene.look(103.0, pods, workload(103.0, waiting_since=(95.0,) * 3, in_flight=1, arrived=4))
    assert scene.look(110.0, pods, workload(110.0, in_flight=3, waiting_since=(95.0,), arrived=4)) == (
        3,
        0,
        0,
    )
    assert scene.look(110.0 + LATE_PROBE_SECONDS, pods) == (3, 0, 2)


def test_a_request_of_a_worker_that_is_gone_shows_nothing() -> None:
    pods = [runs("a")]
    scene = Scene(*pods)
    for now in (103.0, 104.0, 110.0):
        assert scene.look(now, pods, workload(now, in_flight=1, arrived=1)) == (0, 1, 0)


def test_a_request_that_a_terminating_replica_may_have_taken_shows_nothing() -> None:
    leaving = ready("old", 50.0, 60.0, is_terminating=True, is_running=True)
    pods = [runs("a")]
    scene = Scene(*pods)
    for now, seen in (
        (103.0, workload(103.0, waiting_since=(95.0,), arrived=1)),
        (104.0, workload(104.0, in_flight=1, arrived=1)),
    ):
        scene.starts.follow([leaving, *pods], now, QUEUE)
        scene.starts.note_work(now, SPEC, seen)
        assert scene.starts.replicas(1, [leaving, *pods], now).ready == 0


def test_a_request_that_was_taken_at_once_ends_no_start() -> None:
    """The replica may have been able to take one for long."""
    pods = [runs("a")]
    scene = Scene(*pods)
    scene.look(103.0, pods, workload(103.0, arrived=0))
    assert scene.look(140.0, pods, workload(140.0, in_flight=1, arrived=1)) == (1, 0, 0)
    assert scene.starts.samples(pods, 140.0) == []


def test_a_start_that_was_not_seen_from_the_beginning_is_not_ended_by_a_request() -> None:
    starts, pods = Starts(), [runs("a")]
    starts.follow(pods, 900.0, QUEUE)
    starts.note_work(900.0, SPEC, workload(900.0, waiting_since=(890.0,), arrived=1))
    starts.follow(pods, 910.0, QUEUE)
    starts.note_work(910.0, SPEC, workload(910.0, in_flight=1, arrived=1))
    assert starts.replicas(1, pods, 910.0).ready == 1
    assert starts.samples(pods, 910.0) == []


def test_without_a_probe_ready_says_nothing() -> None:
    pods = [unprobed("a")]
    scene = Scene(*pods)
    assert scene.look(103.0, pods, workload(103.0, waiting_since=(95.0,), arrived=1)) == (0, 1, 0)
    (starting,) = scene.starts.replicas(1, pods, 103.0).starting
    assert starting.stage is Stage.RUNNING
    assert scene.look(150.0, pods, workload(150.0, in_flight=1, arrived=1)) == (1, 0, 0)
    (sample,) = [each for each in scene.starts.samples(pods, 150.0) if each.ready_at]
    assert sample.ready_at == 150.0


def test_without_a_probe_a_replica_is_presumed_ready_after_a_usual_start_and_teaches_nothing() -> None:
    pods = [unprobed("a")]
    scene = Scene(*pods)
    assert scene.look(103.0, pods, workload(103.0, arrived=0)) == (0, 1, 0)
    assert scene.starts.changes_at(103.0) == 100.0 + USUAL_SECONDS
    assert scene.look(160.0, pods, workload(160.0, arrived=0)) == (1, 0, 0)
    scene.look(900.0, pods, workload(900.0, waiting_since=(890.0,), arrived=1))
    assert scene.look(901.0, pods, workload(901.0, in_flight=1, arrived=1)) == (1, 0, 0)
    assert [each for each in scene.starts.samples(pods, 901.0) if each.ready_at] == []


def test_without_a_probe_nothing_is_presumed_while_requests_wait_in_vain() -> None:
    pods = [unprobed("a")]
    scene = Scene(*pods)
    for now in (103.0, 160.0, 170.0, 300.0):
        seen = workload(now, waiting_since=(95.0,), arrived=1)
        assert scene.look(now, pods, seen) == (0, 1, 0)
    assert scene.look(310.0, pods, workload(310.0, in_flight=1, arrived=1)) == (1, 0, 0)
    (sample,) = [each for each in scene.starts.samples(pods, 310.0) if each.ready_at]
    assert sample.ready_at == 310.0


def test_the_first_accepted_connection_ends_a_start_without_a_probe() -> None:
    pods = [ready("a", 100.0, 102.0, is_running=True, containers=UNPROBED, addresses=("10.0.0.1",))]
    scene = Scene(*pods, rules=SERVICE)
    assert scene.look(103.0, pods) == (0, 1, 0)
    assert not scene.starts.accepted("10.0.0.2", 120.0)
    assert scene.look(121.0, pods) == (0, 1, 0)
    assert scene.starts.accepted("10.0.0.1", 130.0)
    assert not scene.starts.accepted("10.0.0.1", 131.0), "only the first is news"
    assert scene.look(131.0, pods) == (1, 0, 0)
    assert [each.ready_at for each in scene.starts.samples(pods, 131.0) if each.ready_at] == [130.0]


def test_the_first_accepted_connection_is_learned_although_the_replica_was_presumed_to_serve() -> None:
    """Else a pool whose starts take longer than was learned would never learn it."""
    pods = [ready("a", 100.0, 102.0, is_running=True, containers=UNPROBED, addresses=("10.0.0.1",))]
    scene = Scene(*pods, rules=SERVICE)
    at = 100.0 + USUAL_SECONDS
    assert scene.look(at, pods) == (1, 0, 0)
    assert scene.starts.accepted("10.0.0.1", at + 30.0)
    assert scene.look(at + 31.0, pods) == (1, 0, 0)
    learned = [each.ready_at for each in scene.starts.samples(pods, at + 31.0) if each.ready_at]
    assert learned == [at + 30.0]


LOST: dict[str, tuple[Rules, dict[str, Any], tuple[int, int, int]]] = {
    "in a queue pool it still counts: a worker does not ask its probe": (QUEUE, {}, (1, 0, 0)),
    "a Service sends it nothing": (SERVICE, {}, (0, 1, 0)),
    "its container has started again": (QUEUE, {"restarts": 1}, (0, 1, 0)),
    "its container does not run": (QUEUE, {"is_running": False}, (0, 1, 0)),
}


@pytest.mark.parametrize(("rules", "changes", "expected"), LOST.values(), ids=LOST)
def test_a_replica_that_is_ready_no_more(
    rules: Rules, changes: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    pods = [ready("a", 100.0, 110.0, containers=PROBED, is_running=True)]
    scene = Scene(*pods, rules=rules)
    assert scene.look(110.0, pods) == (1, 0, 0)
    scene.starts.samples(pods, 110.0)
    lost = [runs("a", **changes)]
    assert scene.look(500.0, lost) == expected
    for starting in scene.starts.replicas(1, lost, 500.0).starting:
        assert (starting.asked_at, starting.begun_at) == (500.0, 500.0)
    assert scene.starts.samples(lost, 700.0) == []


def test_a_replica_that_is_ready_no_more_counts_until_requests_wait_in_vain() -> None:
    pods = [ready("a", 100.0, 110.0, containers=PROBED, is_running=True)]
    scene = Scene(*pods)
    scene.look(110.0, pods)
    lost = [runs("a")]
    waits = [workload(now, waiting_since=(500.0,), arrived=1) for now in (500.0, 510.0, 560.0, 561.0)]
    counted = [scene.look(seen.readings[0].observed_at, lost, seen) for seen in waits]
    assert counted == [(1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 1, 0)]
    assert scene.look(562.0, lost, workload(562.0, in_flight=1, arrived=1)) == (1, 0, 0)


def test_a_replica_that_works_after_its_probe_gave_up_is_named() -> None:
    pods = [ready("a", 100.0, 110.0, containers=PROBED, is_running=True)]
    scene = Scene(*pods)
    scene.look(110.0, pods)
    lost = [runs("a")]
    scene.look(500.0, lost, workload(500.0, arrived=1))
    assert scene.look(501.0, lost, workload(501.0, in_flight=1, arrived=2)) == (1, 0, 0)
    assert not scene.starts.works_unready
    assert scene.look(501.0 + LATE_PROBE_SECONDS, lost) == (1, 0, 1)
    assert scene.starts.works_unready


@pytest.mark.parametrize(("gap_seconds", "is_late"), [(1.0, False), (4.0, False), (6.0, True), (20.0, True)])
def test_a_probe_that_passes_a_moment_after_the_first_request_is_in_time(
    gap_seconds: float, is_late: bool
) -> None:
    """Even where nothing is looked at before it passes."""
    pods, now = [runs("a")], 120.0 + gap_seconds
    scene = Scene(*pods)
    scene.look(103.0, pods, workload(103.0, waiting_since=(95.0,), arrived=1))
    scene.look(120.0, pods, workload(120.0, in_flight=1, arrived=1))
    scene.look(now, [ready("a", 100.0, now, is_running=True, containers=PROBED)])
    assert scene.starts.works_unready is is_late


def test_where_replicas_work_before_they_are_ready_ready_ends_no_start() -> None:
    """Of two that run, one was seen to work; the other may have worked unseen."""
    pods = [runs("a", 100.0), runs("b", 101.0)]
    scene = Scene(*pods)
    scene.look(103.0, pods, workload(103.0, waiting_since=(95.0,), arrived=1))
    scene.look(110.0, pods, workload(110.0, in_flight=1, arrived=1))
    late = [ready(uid, 100.0, 130.0, is_running=True, containers=PROBED) for uid in ("a", "b")]
    scene.look(130.0, late, workload(130.0, arrived=1))
    assert {each.uid for each in scene.starts.samples(late, 130.0) if each.ready_at} == {"a"}
    assert scene.starts.works_unready


def test_requests_that_wait_in_vain_until_it_is_ready_prove_its_probe() -> None:
    pods = [runs("a")]
    scene = Scene(*pods)
    scene.starts.works_unready = True
    for now in (103.0, 110.0, 120.0):
        scene.look(now, pods, workload(now, waiting_since=(95.0,), arrived=1))
    now_ready = [ready("a", 100.0, 121.0, is_running=True, containers=PROBED)]
    scene.look(121.0, now_ready, workload(121.0, waiting_since=(95.0,), arrived=1))
    assert [each.ready_at for each in scene.starts.samples(now_ready, 121.0) if each.ready_at] == [121.0]
    assert not scene.starts.works_unready


def test_a_replica_without_a_probe_counts_as_loading_until_hardly_any_start_takes_so_long() -> None:
    """An idle pool must not stop a load in its middle."""
    pods = [unprobed("a")]
    scene = Scene(*pods, rules=Rules(usual_seconds=USUAL_SECONDS, longest_seconds=1.5 * USUAL_SECONDS))
    assert scene.look(100.0 + 1.1 * USUAL_SECONDS, pods) == (0, 1, 0)
    assert scene.starts.changes_at(100.0 + 1.1 * USUAL_SECONDS) == 100.0 + 1.5 * USUAL_SECONDS
    assert scene.look(100.0 + 1.5 * USUAL_SECONDS, pods) == (1, 0, 0)
    assert scene.starts.samples(pods, 100.0 + 1.5 * USUAL_SECONDS) == []


def test_what_others_took_before_a_replica_ran_is_not_its_work() -> None:
    pods = [runs("a")]
    scene = Scene(*pods)
    scene.look(103.0, pods, workload(103.0, waiting_since=(95.0,), arrived=1))
    scene.look(120.0, [ready("a", 100.0, 120.0, is_running=True, containers=PROBED)])
    scene.look(3_000.0, [])
    scene.starts.scaled(0, 1, at=3_000.0)
    scene.look(3_001.0, [pod("b", 3_000.0, has_node=True)])
    second = [runs("b", 3_000.0)]
    assert scene.look(3_002.0, second, workload(3_002.0, waiting_since=(2_999.0,), arrived=50)) == (0, 1, 0)
    assert scene.look(3_003.0, second, workload(3_003.0, waiting_since=(2_999.0,), arrived=50)) == (0, 1, 0)


def test_requests_that_waited_for_a_start_are_no_reason_to_doubt_a_replica_later() -> None:
    pods = [runs("a")]
    scene = Scene(*pods)
    scene.look(103.0, pods, workload(103.0, waiting_since=(95.0,), arrived=1))
    scene.look(120.0, [ready("a", 100.0, 120.0, is_running=True, containers=PROBED)])
    assert scene.look(900.0, [runs("a")], workload(900.0, arrived=1)) == (1, 0, 0)
