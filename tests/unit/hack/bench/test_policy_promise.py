"""What the bar on the promise measures: generated families, shares with intervals, and the verdict."""

import math
from array import array
from statistics import mean

import pytest

from hack.bench.policy import families as quick
from hack.bench.policy.measures.families import FAMILIES, seed_of
from hack.bench.policy.measures.intervals import Share, late_share
from hack.bench.policy.measures.promise import Kept, compared, on_its_own, pool_name
from hack.bench.policy.measures.runs import Run, Seen
from poolkeeper.backtest.simulation.replay import Outcome
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.waits import waits_when_always_on
from poolkeeper.backtest.traces.trace import PoolTrace
from tests.unit.backtest.traces import pool

SETTING = Setting(budget_seconds=120)
UNKNOWN = math.nan


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_depends_on_its_seed_alone(name: str) -> None:
    one, two = FAMILIES[name].trace(name, 1), FAMILIES[name].trace(name, 2)
    half = len(two.pools) // 2
    assert two.pools[:half] == one.pools
    assert all(
        mine.arrivals != other.arrivals for mine, other in zip(one.pools, two.pools[half:], strict=True)
    )
    assert [seed_of(found) for found in two.pools] == ["0"] * half + ["1"] * half


@pytest.mark.parametrize(
    ("name", "shortest", "longest", "service"),
    [
        ("long-jobs", 30, 120, (65, 85)),
        ("long-bursts", 20, 180, (40, 70)),
        ("daily-web", 0, 120, (2, 6)),
        ("mixed", 0, 120, (4, 12)),
        ("heavy-tails", 0, 120, (6, 9)),
    ],
)
def test_families_are_as_described(
    name: str, shortest: float, longest: float, service: tuple[float, float]
) -> None:
    trace = FAMILIES[name].trace(name, 3)
    services = [seconds for found in trace.pools for seconds in found.services]
    assert all(600 <= len(found) <= 2000 for found in trace.pools)
    assert all(shortest <= seconds <= longest for seconds in services)
    assert service[0] < mean(services) < service[1]
    assert all(list(found.arrivals) == sorted(found.arrivals) for found in trace.pools)


def test_nights_of_web_traffic_are_quiet() -> None:
    (found, *_) = FAMILIES["daily-web"].trace("daily-web", 1).pools
    at_night = sum(arrival % 86_400 < 5 * 3600 for arrival in found.arrivals)
    assert at_night < 0.05 * len(found)


def test_a_share_has_an_interval_over_its_groups() -> None:
    """Three seeds with 1, 2 and 3 % late: the deviation of the mean is 0.577, times 4.303 of Student's t."""
    found = late_share([(10, 1000), (20, 1000), (30, 1000)])
    assert found.percent == 2.0
    assert found.half == pytest.approx(2.484, abs=0.001)
    assert str(found) == "2.00 ± 2.48"


def test_groups_with_one_share_have_no_spread_whatever_their_size() -> None:
    found = late_share([(10, 1000), (1, 100)])
    assert found.percent == pytest.approx(1.0)
    assert found.half == pytest.approx(0.0, abs=1e-9)


def test_one_group_has_no_interval() -> None:
    assert str(late_share([(10, 1000)])) == "1.00"
    assert late_share([]).percent == 0.0


@pytest.mark.parametrize(
    ("percent", "late", "at_once", "is_kept"),
    [
        (99.5, 0.50, 0.00, True),
        (99.5, 0.51, 0.00, False),
        (99.5, 0.51, 0.41, True),
        (99.5, 2.71, 2.60, False),
        (99.9, 0.11, 0.01, True),
        (90.0, 9.99, 0.00, True),
    ],
)
def test_a_promise_is_kept_up_to_the_declared_share_or_a_tenth_above_starts_at_once(
    percent: float, late: float, at_once: float, is_kept: bool
) -> None:
    ours, theirs, more = (Share(each, UNKNOWN) for each in (late, at_once, late - at_once))
    assert Kept(percent, ours, theirs, more, 5000, 1.0, 1.0).finding.is_kept is is_kept


def test_too_few_requests_show_nothing() -> None:
    nothing = Share(0.0, UNKNOWN)
    assert Kept(99.5, nothing, nothing, nothing, 999, 1.0, 1.0).finding.is_kept is None


def run(requests: PoolTrace, late_from: int, ready_for: float = 1.0) -> Run:
    """Each request finds the pool cold; those from a number on are late."""
    waits = array("d", [500.0 if number >= late_from else 90.0 for number in range(len(requests))])
    changes = [
        change for at in requests.arrivals for change in ((at + 90, 1, 1), (at + 90 + ready_for, 0, 0))
    ]
    outcome = Outcome(waits=waits, replicas_over_time=changes, ended_at=1e6)
    return Run(requests, SETTING, Seen(outcome), waits_when_always_on(requests, 1))


def test_requests_count_after_the_thirtieth_that_found_the_pool_cold() -> None:
    requests = pool([1000.0 * number for number in range(50)], 1)
    found = compared(99.5, [(run(requests, 40), run(requests, 45))], pool_name)
    assert found.requests == 20
    assert (found.late.percent, found.at_once.percent, found.more.percent) == (50.0, 25.0, 25.0)


def test_both_ways_to_start_are_measured_on_the_same_requests() -> None:
    """Starts at once find the pool cold at every second request only."""
    requests = pool([1000.0 * number for number in range(100)], 1)
    warm = run(requests, 0)
    changes = [change for at in requests.arrivals[::2] for change in ((at + 90, 1, 1), (at + 1500, 0, 0))]
    warm.seen.outcome.replicas_over_time[:] = changes
    assert warm.cold_request_at(30) == 58_000.0
    assert compared(99.5, [(run(requests, 0), warm)], pool_name).requests == 41


@pytest.mark.parametrize(("late_from", "is_kept"), [(48, True), (47, False)])
def test_starts_at_once_are_asked_only_where_more_are_late_than_declared(
    late_from: int, is_kept: bool
) -> None:
    """Each pool has 20 requests after the 30th, of which 2 may be late; 49 pools have too few."""
    requests = pool([1000.0 * number for number in range(50)], 1)
    found = on_its_own(90.0, [run(requests, late_from)] * 50, pool_name)
    assert found.is_kept is is_kept
    assert on_its_own(90.0, [run(requests, late_from)] * 49, pool_name).is_kept is None


def test_a_pool_that_is_never_cold_does_not_count() -> None:
    requests = pool([1000.0 * number for number in range(29)], 1)
    assert run(requests, 0).cold_request_at(30) is None
    assert compared(99.5, [(run(requests, 0), run(requests, 0))], pool_name).requests == 0


def test_a_quick_look_takes_one_family_and_one_start_time() -> None:
    ((family, name, found),) = quick.looks(["long-bursts"], 1, ["constant 90 s"], [90.0], 1)
    assert (family, name) == ("long-bursts", "constant 90 s")
    assert found.requests > 1000
