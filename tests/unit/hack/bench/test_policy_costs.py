"""The bars on hours: beside hindsight, tuned timeouts and tuned peers, and replicas that stay for nothing."""

from array import array

import pytest

from hack.bench.policy.bars import with_means
from hack.bench.policy.measures.cost import beside_hindsight, since_start, whole
from hack.bench.policy.measures.finding import Finding
from hack.bench.policy.measures.hurried import all_traces
from hack.bench.policy.measures.loaded import beside_tuned, first_minutes, tail
from hack.bench.policy.measures.runs import Case, Run, Runs, Seen, Total
from poolkeeper.backtest.simulation.replay import Outcome
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.backtest.simulation.waits import waits_when_always_on
from poolkeeper.backtest.traces.trace import PoolTrace, Trace
from tests.unit.backtest.traces import pool

SETTING = Setting(budget_seconds=120)
CASE = Case(SETTING, Constant(90.0))
RARE = pool([3000.0 * number for number in range(40)], 5)
"""Nothing can be saved here: each request needs a start of its own."""


def run(requests: PoolTrace, waits: list[float], changes: list[tuple[float, int, int]] | None = None) -> Run:
    outcome = Outcome(waits=array("d", waits), replicas_over_time=changes or [], ended_at=9000.0)
    return Run(requests, SETTING, Seen(outcome), waits_when_always_on(requests, 1))


def total(hours: float, late: int) -> Total:
    return Total(requests=1000, hours=hours, late=late, avoidable=late)


def test_where_every_request_needs_a_start_hindsight_costs_as_much() -> None:
    with Runs(Trace("trace", (RARE,)), 1) as runs:
        parts = [whole(found) for found in runs.of(CASE)]
        found = beside_hindsight("", runs, CASE, parts, 1.03)
    assert found.is_kept
    assert found.measured == "1.007 × hindsight, 0.00 % late of 40 requests"


def test_what_costs_more_than_hindsight_is_missed() -> None:
    with Runs(Trace("trace", (RARE,)), 1) as runs:
        kept = Case(SETTING, CASE.start_times, "fixed:idle=300")
        parts = [whole(found) for found in runs.of(kept)]
        assert beside_hindsight("", runs, CASE, parts, 1.03).is_kept is False
        assert beside_hindsight("", runs, CASE, [], 1.03).is_kept is None


def test_the_part_after_some_starts_has_what_came_and_was_paid_since() -> None:
    with Runs(Trace("trace", (RARE,)), 1) as runs:
        (found,) = runs.of(CASE)
    part = since_start(found, 10)
    assert part is not None
    assert len(part.requests) == 30
    assert part.seconds == pytest.approx(whole(found).seconds * 30 / 40, rel=0.02)
    assert since_start(found, 41) is None


@pytest.mark.parametrize(
    ("hours", "late", "is_kept"), [(7.5, 15, True), (7.6, 15, False), (5.0, 20, True), (99.0, 9, True)]
)
def test_tuned_peers_are_mixed_to_as_few_late_requests(hours: float, late: int, is_kept: bool) -> None:
    """Between 10 late for 10 h and 20 late for 5 h; no peer has fewer than 10."""
    tuned = [total(10.0, 10), total(5.0, 20), total(20.0, 10)]
    assert beside_tuned("", total(hours, late), tuned, 1.0).is_kept is is_kept


def test_only_the_first_ten_minutes_count_as_first() -> None:
    requests = pool([0, 300, 599, 601], 1)
    ours, knative = run(requests, [0, 0, 121, 500]), run(requests, [121, 121, 0, 0])
    assert first_minutes("", [ours], [knative]).measured == "1 late for Knative's 2"
    assert first_minutes("", [knative], [ours]).is_kept is False


@pytest.mark.parametrize(
    ("gone_at", "is_kept", "after"),
    [(1100.0, True, 10), (2289.0, True, 1199), (2290.0, False, 1200), (None, False, 7910)],
)
def test_replicas_go_within_twenty_minutes_of_the_last_work(
    gone_at: float | None, is_kept: bool, after: int
) -> None:
    """The last request waits 80 s and takes 10 s."""
    changes = [(1010.0, 1, 0), (1080.0, 1, 1), *([] if gone_at is None else [(gone_at, 0, 0)])]
    found = tail("", [run(pool([1000.0], 10), [80.0], changes)])
    assert (found.is_kept, found.measured) == (is_kept, f"no replica after {after} s")


def test_timeouts_are_beaten_by_a_tenth_in_the_mean_of_all_traces() -> None:
    assert all_traces([0.31, -0.05, 0.05]).is_kept
    assert all_traces([0.20, -0.01]).is_kept is False
    found = [
        ("one", Finding("", "", True, 0.3)),
        ("one", Finding("", "", True)),
        ("two", Finding("", "", True, 0.1)),
    ]
    *same, (_, mean) = with_means(iter(found))
    assert same == found
    assert mean.measured == "+20.0 % fewer hours"
    assert list(with_means(iter(found[1:2]))) == found[1:2]
