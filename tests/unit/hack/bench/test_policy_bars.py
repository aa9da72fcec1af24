"""The bars of the policy measure what they say."""

import random
import time
from array import array
from dataclasses import replace
from itertools import accumulate

import pytest

from hack.bench.policy.bars import measured
from hack.bench.policy.measures.finding import Finding
from hack.bench.policy.measures.objective import groups, verdict
from hack.bench.policy.measures.overshoot import CONCURRENCY, had_and_needed, needed_replicas
from hack.bench.policy.measures.robust import HEAVY, TROUBLES, Trouble, robust
from hack.bench.policy.measures.runs import Case, Run, Runs, Seen
from hack.bench.policy.table import cheapest_mix
from poolkeeper.backtest.simulation.replay import Outcome
from poolkeeper.backtest.simulation.setting import Disturbance, Setting
from poolkeeper.backtest.simulation.start_times import Constant, Lognormal
from poolkeeper.backtest.simulation.waits import waits_when_always_on
from poolkeeper.backtest.traces.trace import PoolTrace, Trace
from tests.unit.backtest.traces import pool

SETTING = Setting(budget_seconds=120)
POINTS = [(8.0, 50.0), (4.0, 60.0), (0.4, 80.0)]
"""Percent late, and hours, at three objectives."""


def called_every(seconds: float, requests: int) -> PoolTrace:
    return pool([seconds * number for number in range(requests)], 5)


def crowds(number: int) -> PoolTrace:
    """Crowds of 30 at seeded instants, an hour and a half apart at most."""
    gaps = random.Random("crowds")
    instants = list(accumulate(gaps.uniform(600, 5400) for _ in range(number)))
    return pool([instant for instant in instants for _ in range(30)], 0)


def run(requests: PoolTrace, outcome: Outcome, setting: Setting = SETTING) -> Run:
    return Run(requests, setting, Seen(outcome), waits_when_always_on(requests, 1))


@pytest.mark.parametrize(
    ("percent", "point", "points", "is_kept", "word"),
    [
        (99.0, (1.31, 80.0), POINTS, None, "more late"),
        (99.0, (1.29, 80.0), POINTS, True, "1.29 % late"),
        (99.0, (0.71, 80.0), POINTS, True, "0.71 % late"),
        (96.0, (0.4, 80.0), POINTS, False, "paid too much for fewer"),
        (96.0, (0.4, 80.0), [(0.5, 80.0), (0.4, 80.0)], True, "not binding"),
        (99.99, (0.0, 80.0), POINTS, True, "0.00 % late"),
        (99.99, (0.32, 80.0), POINTS, None, "more late"),
    ],
)
def test_an_objective_is_missed_where_fewer_late_requests_are_paid_for(
    percent: float,
    point: tuple[float, float],
    points: list[tuple[float, float]],
    is_kept: bool | None,
    word: str,
) -> None:
    found = verdict("", percent, point, 5000, points)
    assert found.is_kept is is_kept
    assert word in found.measured


def test_what_too_few_requests_show_is_neither_kept_nor_missed() -> None:
    assert verdict("", 99.0, (5.0, 80.0), 999, POINTS).is_kept is None


def test_two_points_are_mixed_for_a_share_between_them() -> None:
    assert cheapest_mix(POINTS, 6.0) == pytest.approx(55.0)
    assert cheapest_mix(POINTS, 9.0) == 50.0
    assert cheapest_mix(POINTS, 0.3) is None


def test_groups_are_thirds_by_requests() -> None:
    trace = Trace("trace", tuple(called_every(600.0, requests) for requests in (9, 1, 8, 2, 7, 3, 5)))
    found = groups(Runs(trace, 1))
    assert [sorted(len(trace.pools[number]) for number in members) for members in found.values()] == [
        [1, 2, 3, 5, 7, 8, 9], [1, 2], [3, 5, 7], [8, 9],
    ]  # fmt: skip
    assert len(groups(Runs(Trace("trace", trace.pools[:5]), 1))) == 1


def test_what_is_paid_since_the_beginning_is_what_is_paid_in_all() -> None:
    with Runs(Trace("trace", (called_every(700.0, 40),)), 1) as runs:
        (found,) = runs.of(Case(SETTING, Constant(90.0)))
    assert found.paid_since(-1.0) == pytest.approx(found.seen.outcome.accelerator_seconds)
    middle = found.ready_at[19] - 90.0
    assert found.paid_since(middle) == pytest.approx(found.paid_since(-1.0) / 2, rel=0.1)
    assert len(found.ready_at) == found.seen.outcome.cold_starts == 40
    assert (found.seen_starts_at(40), found.seen_starts_at(41)) == (found.ready_at[-1], None)


def test_late_are_the_requests_since_an_instant_that_would_not_be_late_anyway() -> None:
    """The second request waits behind the first for longer than the budget even in a pool that is up."""
    requests = pool([0, 10, 1000, 2000], [200, 1, 1, 1])
    found = run(requests, Outcome(waits=array("d", [90, 280, 150, 150])))
    assert found.late_since() == (2, 4)
    assert found.late_since(1000) == (1, 1)


def test_needed_are_the_replicas_that_work_off_a_backlog_in_time() -> None:
    """Of 40 requests at once of 10 s each, four at a time take 16 within 30 s: three replicas."""
    crowd = pool([0.0] * 40, 10)
    assert CONCURRENCY == 4
    assert needed_replicas(crowd, 29.0) == 4
    assert needed_replicas(crowd, 30.0) == 3
    assert needed_replicas(called_every(60.0, 9), 30.0) == 1


def test_each_stretch_of_replicas_is_held_against_its_own_requests() -> None:
    requests = pool([0.0, *[5000.0] * 40, 9000.0], 10)
    changes = [(0, 3, 0), (90, 3, 3), (300, 0, 0), (5000, 4, 0), (5090, 4, 4), (5300, 2, 2), (5600, 0, 0)]
    outcome = Outcome(replicas_over_time=[*changes, (9010, 1, 0)], ended_at=9500)
    found = run(requests, outcome)
    assert list(had_and_needed(found, 30.0)) == [(3, 1), (4, 3), (1, 1)]


def test_a_trouble_that_the_budget_has_no_room_for_must_be_reported() -> None:
    heavy = [trouble for trouble in TROUBLES if trouble.start_times == HEAVY]
    assert [(trouble.budget, trouble.has_room) for trouble in heavy] == [(600.0, True), (300.0, False)]
    late = Trouble("late", Disturbance(lag_seconds=30.0), budget=119.0)
    assert (late.has_room, replace(late, budget=120.0).has_room) == (False, True)


def findings(trouble: Trouble, requests: PoolTrace) -> dict[str, Finding]:
    with Runs(Trace("trace", (requests,)), 1) as runs:
        return {finding.subject: finding for finding in robust(runs, [trouble])}


def test_a_trouble_is_compared_with_the_run_without_it() -> None:
    """Starts that outlast the budget make whole crowds late: there is no room for them, which is reported."""
    slow = Trouble("slow", start_times=Constant(400.0), undisturbed=Constant(90.0), budget=120.0)
    found = findings(slow, crowds(70))
    assert found["slow"].is_kept is None
    assert float(found["slow"].measured.split()[0]) > 10
    reported = found["slow: BudgetAttainable"]
    assert (reported.is_kept, reported.measured[:6]) == (True, "1 of 1")


def test_nothing_is_lowered_while_polls_are_lost() -> None:
    lost = Trouble("lost", Disturbance(lost_percent=10.0), start_times=Lognormal(60.0, 0.1))
    found = findings(lost, crowds(18))
    assert found["lost"].is_kept
    blindly = found["lost: never zero on unknown"]
    assert blindly.is_kept
    assert int(blindly.measured.split()[2]) > 100, "it was put to the test"


@pytest.mark.parametrize("processes", [1, 2])
def test_a_bar_without_time_left_is_open(processes: int) -> None:
    trace = Trace("trace", (called_every(700.0, 40),))
    found = list(measured(iter([(trace, ["cost", "hurried"])]), processes, time.monotonic()))
    assert [name for name, _ in found] == ["trace  cost", "trace  hurried"]
    assert [finding.is_kept for _, finding in found] == [None, None]


def test_marks_show_what_is_kept_missed_and_open() -> None:
    assert [Finding("", "", kept).mark.strip() for kept in (True, False, None)] == [
        "kept",
        "MISSED",
        "open",
    ]
