"""Which pod answers which scale write, and what it teaches."""

from dataclasses import replace
from typing import Any

import pytest

from poolkeeper.controller.pool.starts import Starts
from poolkeeper.core.tuning import REMEMBERED_UIDS
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica
from poolkeeper.kube.watch.containers import Container
from poolkeeper.kube.watch.pod import Pod
from tests.unit.controller.pool.pods import pod, ready


def test_a_replica_that_was_asked_for_is_starting_before_it_has_a_pod() -> None:
    starts = Starts()
    starts.scaled(0, 2, at=100.0)
    seen = starts.replicas(2, [], now=101.0)
    assert seen == Replicas(
        2, 0, (StartingReplica(100.0, Stage.UNADMITTED), StartingReplica(100.0, Stage.UNADMITTED))
    )


def test_a_pod_is_as_old_as_the_write_that_called_for_it() -> None:
    starts = Starts()
    starts.scaled(0, 1, at=100.6)
    pods = [pod("a", created_at=100.0, scheduled_at=101.0, has_node=True)]
    starts.follow(pods, now=101.0)
    expected = StartingReplica(100.6, Stage.NO_CONTAINER, begun_at=100.6, pod="a")
    assert starts.replicas(1, pods, now=101.0).starting == (expected,)


def test_a_pod_that_nobody_asked_for_is_as_old_as_itself() -> None:
    starts = Starts()
    pods = [pod("a", created_at=50.0)]
    starts.follow(pods, now=101.0)
    assert starts.replicas(1, pods, now=101.0).starting == (StartingReplica(50.0, Stage.UNADMITTED, pod="a"),)


def test_lowering_takes_back_the_latest_requests() -> None:
    starts = Starts()
    starts.scaled(0, 1, at=100.0)
    starts.scaled(1, 2, at=110.0)
    starts.scaled(2, 1, at=115.0)
    assert starts.replicas(1, [], now=116.0).starting == (StartingReplica(100.0, Stage.UNADMITTED),)


def test_terminating_and_finished_pods_are_no_replicas() -> None:
    pods = [ready("a", 0.0, 5.0, is_terminating=True), pod("b", 0.0, is_finished=True)]
    starts = Starts()
    starts.follow(pods, now=10.0)
    assert starts.replicas(0, pods, now=10.0) == Replicas(desired=0, ready=0, terminating=1)


def test_never_more_replicas_start_than_are_wanted() -> None:
    pods = [pod("a", 0.0), pod("b", 1.0)]
    starts = Starts()
    starts.follow(pods, now=2.0)
    assert len(starts.replicas(1, pods, now=2.0).starting) == 1


def test_a_start_that_was_seen_is_learned_once_by_our_own_clock() -> None:
    starts = Starts()
    starts.scaled(0, 1, at=100.5)
    starts.follow([pod("a", 100.0)], now=101.0)
    pods = [ready("a", 100.0, ready_at=107.0)]
    starts.follow(pods, now=107.8)
    (sample,) = starts.samples(pods, now=107.8)
    assert (sample.asked_at, sample.ready_at) == (100.5, 107.8)
    assert starts.samples(pods, now=110.0) == []


def test_a_start_that_nobody_saw_is_learned_from_the_pod() -> None:
    starts = Starts()
    pods = [ready("a", 100.0, ready_at=160.0)]
    starts.follow(pods, now=9_000.0)
    (sample,) = starts.samples(pods, now=9_000.0)
    assert (sample.asked_at, sample.ready_at) == (100.0, 160.0)


def test_a_pod_whose_readiness_flapped_long_after_its_start_teaches_nothing() -> None:
    starts = Starts()
    pods = [ready("a", 100.0, ready_at=90_000.0)]
    starts.follow(pods, now=90_001.0)
    assert starts.samples(pods, now=90_001.0) == []


def test_a_failed_start_is_told_as_such_and_once() -> None:
    starts = Starts()
    pods = [pod("a", 100.0, is_finished=True, failure="OOMKilled")]
    starts.follow(pods, now=130.0)
    assert [sample.failed for sample in starts.samples(pods, now=130.0)] == [True]
    assert starts.samples(pods, now=131.0) == []


@pytest.mark.parametrize("failure", ["CrashLoopBackOff", "ImagePullBackOff"])
def test_a_pod_that_can_not_start_is_a_failure_and_no_slow_start(failure: str) -> None:
    starts = Starts()
    loading = [pod("a", 100.0, has_node=True)]
    starts.follow(loading, now=110.0)
    assert [sample.failed for sample in starts.samples(loading, now=110.0)] == [False]
    stuck = [pod("a", 100.0, has_node=True, failure=failure)]
    starts.follow(stuck, now=200.0)
    assert [sample.failed for sample in starts.samples(stuck, now=200.0)] == [True]
    assert starts.samples(stuck, now=90_000.0) == []


def test_no_more_is_told_than_a_restarted_operator_can_recognise() -> None:
    starts = Starts()
    failed = [pod(f"failed-{number}", 50.0, is_finished=True) for number in range(REMEMBERED_UIDS)]
    pods = [*failed, ready("a", 100.0, ready_at=160.0)]
    starts.follow(pods, now=200.0)
    samples = starts.samples(pods, now=200.0)
    assert len(samples) == REMEMBERED_UIDS
    assert samples[-1].uid == "a"


def test_a_start_that_goes_on_is_told_again_only_as_it_grows() -> None:
    starts = Starts()
    pods = [pod("a", 100.0, has_node=True)]
    starts.follow(pods, now=110.0)
    reported = [bool(starts.samples(pods, now=now)) for now in (110.0, 110.5, 111.0, 113.0)]
    assert reported == [True, False, False, True]


ADMISSIONS: dict[str, tuple[float, float | None, float]] = {
    "the usual delay": (102.0, None, 100.0),
    "a gate, a quota or no node for a minute, which was seen": (160.0, 150.0, 160.4),
    "the same, found by an operator that was restarted": (160.0, None, 160.0),
}


@pytest.mark.parametrize(("scheduled_at", "seen_at", "begun_at"), ADMISSIONS.values(), ids=ADMISSIONS)
def test_a_long_admission_is_no_part_of_the_start(
    scheduled_at: float, seen_at: float | None, begun_at: float
) -> None:
    starts = Starts()
    if seen_at is not None:
        starts.follow([pod("a", 100.0)], now=seen_at)
        (waits,) = starts.replicas(1, [pod("a", 100.0)], now=seen_at).starting
        assert (waits.stage, waits.begun_at) == (Stage.UNADMITTED, None)
        assert starts.samples([pod("a", 100.0)], now=seen_at) == []
    admitted = [pod("a", 100.0, has_node=True, scheduled_at=scheduled_at)]
    starts.follow(admitted, now=scheduled_at + 0.4)
    (begun,) = starts.replicas(1, admitted, now=scheduled_at + 0.4).starting
    assert (begun.stage, begun.begun_at) == (Stage.NO_CONTAINER, begun_at)
    pods = [ready("a", 100.0, 190.0, scheduled_at=scheduled_at)]
    starts.follow(pods, now=190.0)
    (sample,) = starts.samples(pods, now=190.0)
    assert sample.began_at == begun_at
    assert sample.ready_at == 190.0


def test_a_start_behind_a_gate_of_hours_is_believed() -> None:
    starts = Starts()
    pods = [ready("a", 100.0, 90_020.0, scheduled_at=90_000.0)]
    starts.follow(pods, now=90_021.0)
    (sample,) = starts.samples(pods, now=90_021.0)
    assert (sample.began_at, sample.ready_at) == (90_000.0, 90_020.0)


@pytest.mark.parametrize(
    ("seen_before", "end", "created_at", "expected"),
    [
        ({}, {"failure": "Evicted"}, 100.0, "Evicted"),
        (None, {"failure": "OutOfcpu"}, 100.0, "OutOfcpu"),
        # It failed before the pool was followed: it may lie there for days.
        (None, {"failure": "Evicted"}, 40.0, ""),
        # The operator has restarted, and sees it run and end.
        ({}, {"failure": "Evicted"}, 40.0, "Evicted"),
        # It has served, so its start has succeeded.
        ({"is_ready": True, "ready_at": 101.0}, {"failure": "Evicted"}, 100.0, ""),
        # Somebody deletes it.
        ({}, {"failure": "Failed", "is_terminating": True}, 100.0, ""),
        # It was meant to end.
        ({}, {}, 100.0, ""),
    ],
)
def test_the_failure_of_a_pod_that_never_served_is_that_of_the_one_that_replaces_it(
    seen_before: dict[str, Any] | None, end: dict[str, Any], created_at: float, expected: str
) -> None:
    starts = Starts()
    starts.follow([], now=50.0)
    if seen_before is not None:
        starts.follow([on_node("a", created_at, **seen_before)], now=102.0)
    ended, replacement = on_node("a", created_at, is_finished=True, **end), on_node("b", 105.0)
    starts.follow([ended], now=105.0)
    starts.replicas(1, [ended], now=105.0)
    for _ in range(2):
        starts.follow([ended, replacement], now=106.0)
        (seen,) = starts.replicas(1, [ended, replacement], now=106.0).starting
        assert seen.failure == expected
        assert ("pod a" in seen.words) == bool(expected)


def test_one_pod_replaces_another_and_a_start_that_succeeds_ends_it() -> None:
    starts, ended = Starts(), on_node("a", 100.0, is_finished=True, failure="Evicted")
    starts.follow([], now=50.0)
    both = [ended, on_node("b", 105.0), on_node("c", 105.0)]
    starts.follow(both, now=106.0)
    assert [each.failure for each in starts.replicas(2, both, now=106.0).starting] == ["Evicted", ""]
    starts.follow([ended, ready("b", 105.0, 107.0), both[2]], now=107.0)
    fallen = [ended, on_node("b", 105.0), both[2]]
    starts.follow(fallen, now=108.0)
    assert not any(each.failure for each in starts.replicas(2, fallen, now=108.0).starting)


def test_a_replacement_that_works_without_being_ready_has_no_failure_any_more() -> None:
    starts, ended = Starts(), on_node("a", 100.0, is_finished=True, failure="Evicted")
    starts.follow([], now=50.0)
    model = Container("model", is_probed=False, resources=(), ports=())
    pods = [ended, on_node("b", 105.0, addresses=("10.0.0.1",), containers=(model,))]
    starts.follow(pods, now=106.0)
    assert starts.accepted("10.0.0.1", at=107.0)
    pods = [ended, replace(pods[1], restarts=1)]
    starts.follow(pods, now=108.0)
    assert [each.failure for each in starts.replicas(1, pods, now=108.0).starting] == [""]


def test_the_next_start_after_a_scale_down_replaces_nothing() -> None:
    starts, running = Starts(), on_node("a", 100.0)
    starts.follow([running], now=101.0)
    ended = on_node("a", 100.0, is_finished=True, failure="Evicted")
    starts.follow([ended], now=102.0)
    starts.replicas(0, [ended], now=102.0)
    pods = [ended, on_node("b", 200.0)]
    starts.follow(pods, now=201.0)
    assert [each.failure for each in starts.replicas(1, pods, now=201.0).starting] == [""]


def test_a_replacement_that_waits_for_a_node_says_why_itself() -> None:
    starts, ended = Starts(), on_node("a", 100.0, is_finished=True, failure="Evicted")
    starts.follow([], now=50.0)
    pods = [ended, pod("b", 105.0)]
    starts.follow(pods, now=106.0)
    (seen,) = starts.replicas(1, pods, now=106.0).starting
    assert (seen.stage, seen.failure, seen.words) == (Stage.UNADMITTED, "", "")


def on_node(uid: str, created_at: float, **changes: Any) -> Pod:
    """A pod whose containers run."""
    return pod(uid, created_at, scheduled_at=created_at, has_node=True, is_running=True, **changes)
