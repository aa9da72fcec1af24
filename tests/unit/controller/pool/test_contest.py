"""When the operator writes beside a writer that keeps changing the replicas, by the time alone."""

import pytest

from poolkeeper.controller.pool.contest import QUIET_SECONDS, Contest
from poolkeeper.core.values.observation import Held
from poolkeeper.kube.objects.managed_fields import ReplicaWriter

ARGO = ReplicaWriter("argocd-controller", "Apply", "", None)
T0 = 1_000_000.0


def written(until: float, *, undone_after: float, begin: Contest | None = None) -> list[float]:
    """When an operator writes that always wants to, while each write is undone after so many seconds."""
    contest, writes, undone_at = begin or Contest(), list[float](), float("inf")
    for second in range(int(until)):
        now = T0 + second
        if now >= undone_at:
            contest.changed(ARGO, now)
            undone_at = float("inf")
        if undone_at == float("inf") and contest.held(now) is None:
            contest.wrote(now)
            writes.append(float(second))
            undone_at = now + undone_after
    return writes


@pytest.mark.parametrize(
    ("undone_after", "writes"),
    [
        # After the second change there is a minute between two writes, and the pause doubles.
        (1.0, [0, 1, 61, 181, 421, 901, 1861, 2821]),
        (7.0, [0, 7, 67, 187, 427, 907, 1867, 2827]),
        # A tool that comes every five minutes is waited for, and the pause counts from the write.
        (300.0, [0, 300, 600, 900, 1200, 1680, 2640, 3600]),
        # A change every eleven minutes is no conflict.
        (660.0, [0, 660, 1320, 1980, 2640, 3300]),
    ],
)
def test_the_pause_between_writes_grows(undone_after: float, writes: list[int]) -> None:
    assert written(3_700.0, undone_after=undone_after)[: len(writes)] == writes


def test_one_change_by_hand_is_no_contest() -> None:
    contest = Contest()
    contest.wrote(T0)
    contest.changed(None, T0 + 5.0)
    assert (contest.pause_seconds(T0 + 5.0), contest.held(T0 + 5.0), contest.ends_at(T0 + 5.0)) == (
        0.0,
        None,
        None,
    )


def contested() -> Contest:
    """Two writes were undone, at 5 s and 15 s."""
    contest = Contest()
    for at in (0.0, 10.0):
        contest.wrote(T0 + at)
        contest.changed(ARGO, T0 + at + 5.0)
    return contest


def test_a_hold_names_the_writer_and_ends() -> None:
    contest = contested()
    assert contest.held(T0 + 15.0) == Held(T0 + 70.0, "argocd-controller (Apply)")
    assert contest.held(T0 + 70.0) is None


def test_a_writer_that_can_not_be_named_again_keeps_its_name() -> None:
    contest = contested()
    contest.changed(None, T0 + 20.0)
    assert contest.writer == ARGO


def test_a_change_that_answers_no_write_of_ours_does_not_double_the_pause() -> None:
    """Such as an autoscaler that follows its own metric."""
    contest = contested()
    for second in range(16, 60):
        contest.changed(ARGO, T0 + second)
    assert contest.pause_seconds(T0 + 60.0) == 60.0


def test_it_ends_once_the_other_writer_has_been_quiet() -> None:
    """The quiet time begins when the operator may write again: before, there was nothing to undo."""
    contest = contested()
    ends_at = contest.ends_at(T0 + 15.0)
    assert ends_at == T0 + 70.0 + QUIET_SECONDS
    assert contest.pause_seconds(ends_at - 1.0) == 60.0
    assert contest.ends_at(ends_at) is None
    assert contest.pause_seconds(ends_at) == 0.0
    contest.changed(ARGO, ends_at + 1.0)
    assert contest.held(ends_at + 1.0) is None


def test_it_ends_although_the_operator_goes_on_writing() -> None:
    contest = contested()
    for second in range(70, 670, 60):
        contest.wrote(T0 + second)
    assert contest.ends_at(T0 + 640.0) == T0 + 70.0 + QUIET_SECONDS


@pytest.mark.parametrize(
    ("lasted", "pause"), [(0.0, 60.0), (59.0, 60.0), (61.0, 120.0), (181.0, 240.0), (86_400.0, 960.0)]
)
def test_after_a_restart_the_pause_is_what_it_had_grown_to(lasted: float, pause: float) -> None:
    contest = Contest()
    contest.resume(T0 - lasted, T0 - 10.0, T0)
    assert contest.pause_seconds(T0) == pause
    held = contest.held(T0)
    assert held is not None
    assert held.until == T0 - 10.0 + pause
