"""The settings of a peer are searched on a trace, and the best one for a share of late requests is found."""

from array import array

import pytest

from poolkeeper.backtest.comparison import Comparison, compare
from poolkeeper.backtest.controllers.registry import TUNABLE, Policy, PolicyError, parse_policy
from poolkeeper.backtest.figures import Row
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.backtest.traces.trace import PoolTrace, Trace
from poolkeeper.backtest.tuned import Tried, candidates, cheapest, frontier, tried
from tests.unit.backtest.traces import pool

HURRIED = Setting(budget_seconds=20)
LOADED = Setting(budget_seconds=20, concurrency=4, max_replicas=8)
EVERY_100_S = Trace("every 100 s", (pool([100.0 * number for number in range(30)], 1.0),))


LONG_WORK = Trace("20 s of work", (pool([100.0 * number for number in range(30)], 20.0),))
RARE = Trace("every 1000 s", (pool([1000.0 * number for number in range(30)], 1.0),))


def point(late: int, hours: float) -> Tried:
    return Tried(Policy("fixed", (("idle", hours),)), late, float(late), hours)


def test_a_timeout_that_just_bridges_the_gaps_is_found() -> None:
    """Gaps of 99 s: a timeout of 120 s makes only the first late, longer ones cost more at the end."""
    found = cheapest(tried("fixed", EVERY_100_S, HURRIED, Constant(90.0)), 5.0)
    assert found.policy.label == "fixed:idle=120"
    assert found.late == 1


def test_where_every_request_may_be_late_nothing_idles() -> None:
    assert cheapest(tried("fixed", RARE, HURRIED, Constant(90.0)), 100.0).policy.label == "fixed:idle=0"


@pytest.mark.parametrize(
    ("peer", "label"),
    [
        ("keda", "keda:pollingInterval=1,cooldownPeriod=120"),
        ("knative", "knative:stable-window=120"),
        ("hpa", "hpa:scaleDown.stabilizationWindowSeconds=120"),
        ("kubeai", "kubeai:timeWindow=120,scaleDownDelaySeconds=0"),
    ],
)
def test_each_peer_has_the_setting_that_bridges_the_gaps(peer: str, label: str) -> None:
    found = tried(peer, LONG_WORK, HURRIED, Constant(90.0))
    fewest = min(each.late for each in found)
    assert cheapest(found, 0.0).late == fewest
    assert label in [each.policy.label for each in found if each.late == fewest]


@pytest.mark.parametrize(
    ("late_percent", "hours"),
    [
        pytest.param(0.0, 9.0, id="none has as few late: the one of fewest"),
        pytest.param(1.0, 9.0, id="exactly as many"),
        pytest.param(3.0, 5.0, id="the cheapest that has no more"),
        pytest.param(99.0, 4.0, id="however many"),
    ],
)
def test_the_cheapest_with_no_more_late(late_percent: float, hours: float) -> None:
    points = [point(2, 5.0), point(1, 9.0), point(3, 6.0), point(4, 4.0), point(1, 10.0)]
    assert cheapest(points, late_percent).hours == hours


def test_the_frontier_leaves_out_what_another_setting_beats() -> None:
    points = [point(2, 5.0), point(1, 9.0), point(3, 6.0), point(4, 4.0), point(1, 10.0), point(2, 5.0)]
    assert [(each.late, each.hours) for each in frontier(points)] == [(1, 9.0), (2, 5.0), (4, 4.0)]


@pytest.mark.parametrize("setting", [HURRIED, LOADED])
@pytest.mark.parametrize("peer", TUNABLE)
def test_every_candidate_can_be_given_on_the_command_line(peer: str, setting: Setting) -> None:
    settings = candidates(peer, setting)
    assert len({policy.label for policy in settings}) == len(settings) <= 120
    for policy in settings:
        policy.check(setting)
        assert parse_policy(policy.label) == policy


def test_one_setting_serves_all_pools_of_a_trace() -> None:
    other = PoolTrace("other", array("d", [0.0, 900.0]), array("d", [1.0, 1.0]))
    both = Trace("both", (*EVERY_100_S.pools, other))
    points = tried("fixed", both, HURRIED, Constant(90.0))
    alone = tried("fixed", EVERY_100_S, HURRIED, Constant(90.0))
    assert all(of_both.hours > of_one.hours for of_both, of_one in zip(points, alone, strict=True))
    assert points[0].late - alone[0].late == 2


def rows(trace: Trace, *policies: str, objective: float = 95.0) -> list[Row]:
    setting = Setting(budget_seconds=20, objective_percent=objective)
    chosen = tuple(map(parse_policy, policies))
    return list(compare(Comparison((trace,), chosen, setting, Constant(90.0), {})).rows)


def test_a_tuned_peer_has_no_more_late_requests_than_poolkeeper_beside_it() -> None:
    ours, tuned, fixed = rows(RARE, "poolkeeper", "tuned:fixed", "fixed:idle=0")
    assert tuned.late <= ours.late
    assert tuned.policy == "tuned:fixed"
    assert tuned.parameters["tuned_to"].startswith("fixed:idle=")
    assert fixed.accelerator_hours <= tuned.accelerator_hours


@pytest.mark.parametrize(
    ("policy", "objective", "chosen"),
    [
        pytest.param("tuned:fixed:late=5", 99.0, "fixed:idle=120", id="the percentage that is given"),
        pytest.param(
            "tuned:fixed", 95.0, "fixed:idle=120", id="without Poolkeeper what the objective allows"
        ),
        pytest.param(
            "tuned:fixed:late=0", 95.0, "fixed:idle=120", id="nobody has so few: those who have fewest"
        ),
        pytest.param("tuned:fixed:late=100", 95.0, "fixed:idle=30", id="however many"),
    ],
)
def test_the_share_of_late_requests_that_a_peer_is_tuned_to(
    policy: str, objective: float, chosen: str
) -> None:
    """A timeout of 120 s bridges the gaps of 110 s: one request is late. With 30 s each start serves two."""
    trace = Trace("every 110 s", (pool([110.0 * number for number in range(30)], 1.0),))
    (row,) = rows(trace, policy, objective=objective)
    assert row.parameters["tuned_to"] == chosen
    (alone,) = rows(trace, chosen)
    assert (row.accelerator_hours, row.late, row.wait_p99_seconds) == (
        alone.accelerator_hours,
        alone.late,
        alone.wait_p99_seconds,
    )


def test_two_shares_of_one_peer_are_two_rows() -> None:
    few, many = rows(RARE, "tuned:fixed:late=0", "tuned:fixed:late=100")
    assert few.late < many.late
    assert few.accelerator_hours > many.accelerator_hours


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tuned", "policy 'tuned:' is unknown; there are"),
        ("tuned:wva", "policy 'tuned:wva' is unknown; there are"),
        ("tuned:keda:late=101", "late must lie between 0 and 100"),
        ("tuned:keda:pollingInterval=5", "has no parameter 'pollingInterval'; it has late"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text)
    assert message in str(refused.value)
