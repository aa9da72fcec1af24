"""Peers do in the replay what their documentation, examples and tests say that they do."""

from dataclasses import replace

import pytest

from poolkeeper.backtest.controllers.histogram import IdleTimes, Plan
from poolkeeper.backtest.controllers.registry import POLICIES
from poolkeeper.backtest.simulation.replay import Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.core.baselines.hpa import Recommender
from tests.unit.backtest.traces import changes, controller, pool, replayed

ONE = Setting(budget_seconds=120)
MANY = replace(ONE, max_replicas=20)


@pytest.mark.parametrize(
    ("current", "total", "replicas"),
    [
        pytest.param(1, 200, 2, id="the documentation's example: 200m against 100m doubles"),
        pytest.param(2, 100, 1, id="and 50m against 100m halves"),
        pytest.param(10, 1050, 10, id="within 10 % nothing happens"),
        pytest.param(10, 1110, 12, id="beyond 10 % it rounds up"),
        pytest.param(1, 10_000, 5, id="upwards at most 4 pods"),
        pytest.param(8, 10_000, 16, id="or 100 %"),
        pytest.param(0, 50, 1, id="from zero by the same formula"),
    ],
)
def test_hpa_formula(current: int, total: float, replicas: int) -> None:
    hpa = Recommender(100, floor=0, ceiling=50, stabilization=0)
    assert hpa.replicas(0.0, current, total) == replicas


def test_hpa_goes_down_to_the_highest_recommendation_of_five_minutes() -> None:
    hpa = Recommender(100, floor=0, ceiling=50, stabilization=300)
    assert [hpa.replicas(at, 4, total) for at, total in ((0, 400), (15, 100), (300, 100), (315, 100))] == [
        4,
        4,
        4,
        1,
    ]


def test_keda_polls_every_30_s_starts_one_and_cools_down_for_300_s() -> None:
    seen = changes(replayed("keda", pool([100.0] * 9, 5), MANY))
    first_at, first = seen[0]
    assert first == 1, "the size of the queue plays no part in the first step"
    assert 100 <= first_at <= 130.2
    to_zero_at, last = seen[-1]
    assert last == 0
    served_at = max(100.0, first_at) + 90
    assert served_at + 300 - 30 <= to_zero_at <= served_at + 600


def test_keda_lets_the_hpa_take_over_within_a_sync_of_the_first_replica() -> None:
    seen = changes(replayed("keda", pool([100.0] * 9, 5), MANY))
    (first_at, _), (second_at, second) = seen[:2]
    assert second == 5, "1 + 4 pods is the most that one sync adds"
    assert 0 < second_at - first_at <= 15.2


@pytest.mark.parametrize(
    ("policy", "most", "period"),
    [
        pytest.param("keda", 20, 15, id="above zero the HPA asks for the metric itself, every 15 s"),
        pytest.param("keda-http", 20, 15, id="under the add-on too"),
        pytest.param("keepalive:target=1", 20, 15, id="and under the keepalive's ScaledObject"),
        pytest.param("keda", 1, 30, id="where there is nothing for it to add, the next poll is all there is"),
        pytest.param("keda:polling=10", 20, 10, id="a poll that comes before the sync"),
    ],
)
def test_keda_sees_a_burst_above_zero_at_its_next_poll_or_sync(policy: str, most: int, period: int) -> None:
    for phase in (0.0, 0.3, 0.97, 0.999):
        keda = controller(policy, replace(ONE, max_replicas=most), phase)
        keda.wake_at = 0.0
        view = Replay(pool([0.0], 5), ONE, Constant(90.0), keda)
        view.tail = 1
        for at in (keda.sees_requests_at(0.0), keda.sees_requests_at(40.0)):
            assert keda.step(at, view) == 1
        assert all(0 <= keda.sees_requests_at(at) - at <= period + 1e-6 for at in range(200, 260))


def test_kedas_first_replica_is_not_taken_back_by_a_sync_that_comes_before_the_write() -> None:
    setting = replace(MANY, write_seconds=2.0)
    outcome = Replay(pool([100.0], 5), setting, Constant(90.0), controller("keda", setting, 0.95)).run()
    assert [desired for _, desired in changes(outcome)] == [1, 0]
    assert outcome.waits[0] < 30 + 2 + 90 + 1


def test_keda_stays_up_while_requests_keep_coming_within_the_cooldown() -> None:
    outcome = replayed("keda", pool([200.0 * number for number in range(20)], 40), ONE)
    assert outcome.cold_starts == 1


def test_the_http_add_on_wakes_within_a_second() -> None:
    (first_at, first), *_ = changes(replayed("keda-http", pool([100.0], 5), ONE))
    assert first == 1
    assert first_at - 100 < 1


@pytest.mark.parametrize(
    ("policy", "concurrency", "grace"),
    [
        pytest.param(
            "knative", 1, 0, id="a small revision is always proxied, and has paid the grace already"
        ),
        pytest.param("knative", 210, 0, id="up to a burst of 211 requests"),
        pytest.param("knative", 220, 30, id="a greater one is only proxied once it is idle"),
        pytest.param("knative:burst=0", 1, 30, id="or any that need not take bursts"),
        pytest.param("knative:burst=0,grace=7", 1, 7, id="by the grace period declared"),
    ],
)
def test_knative_pokes_at_once_and_stops_after_window_and_grace(
    policy: str, concurrency: int, grace: float
) -> None:
    setting = replace(ONE, concurrency=concurrency)
    (first_at, _), (stopped_at, last) = changes(replayed(policy, pool([100.0], 5), setting))
    assert first_at == pytest.approx(100.1)
    assert last == 0
    idle = stopped_at - (first_at + 90 + 5)
    assert 60 + grace <= idle <= 60 + grace + 3 * 2


def test_knative_has_paid_the_grace_while_a_great_revision_shrank_below_the_burst() -> None:
    """Four pods of 100 can take a burst of 211; two can't, from where on the activator is in the path."""
    outcome = replayed("knative", pool([100.0] * 280, 300), replace(MANY, concurrency=100))
    (_, three), (to_two, two), (_, one), (to_zero, none) = changes(outcome)[-4:]
    assert (three, two, one, none) == (3, 2, 1, 0)
    served_at = max(100 + wait for wait in outcome.waits) + 300
    assert to_zero - to_two <= 32
    assert 60 <= to_zero - served_at <= 60 + 3 * 2


def test_knative_buys_more_while_replicas_load_because_it_counts_ready_ones_only() -> None:
    """knative/serving issue 4344: the queue that a slow start builds up reads as a need for more pods."""
    requests = pool([2.0 * number for number in range(60)], 1.0)
    assert replayed("knative", requests, MANY).max_replicas == 20


def test_knative_keeps_the_panic_level_for_a_stable_window() -> None:
    requests = pool([0.0, *[200.0] * 10, *[205.0 + number for number in range(40)]], 0.5)
    outcome = replayed("knative", requests, MANY)
    most_at = max(at for at, desired in changes(outcome) if desired == outcome.max_replicas)
    down_at = min(at for at, desired in changes(outcome) if at > most_at and desired < outcome.max_replicas)
    assert down_at - most_at >= 58


def test_hpa_of_1_37_reacts_within_a_sync_and_stays_for_the_stabilization() -> None:
    (first_at, _), *_, (stopped_at, last) = changes(replayed("hpa", pool([100.0], 5), ONE))
    assert 0 <= first_at - 100 <= 15.2
    assert last == 0
    assert 300 - 15 <= stopped_at - (first_at + 90 + 5) <= 330


def test_kubeai_forgets_a_request_after_ten_minutes_and_the_delay() -> None:
    (first_at, _), (stopped_at, _) = changes(replayed("kubeai", pool([100.0], 5), ONE))
    assert first_at == pytest.approx(100.1)
    assert 600 <= stopped_at - (first_at + 90 + 5) <= 600 + 30 + 2 * 10


def test_wva_stops_ten_minutes_after_the_last_completion() -> None:
    (first_at, _), (stopped_at, last) = changes(replayed("wva", pool([100.0], 5), ONE))
    assert first_at - 100 <= 0.3
    assert last == 0
    assert 600 - 30 <= stopped_at - (first_at + 90 + 5) <= 600 + 60


def test_wva_does_not_see_a_request_that_runs_for_longer_than_the_retention() -> None:
    seen = changes(replayed("wva", pool([100.0], 2000.0), ONE))
    assert seen[-1][1] == 0
    assert seen[-1][0] < 100 + 90 + 2000


@pytest.mark.parametrize(
    ("queued", "in_flight", "replicas"),
    [
        pytest.param(0, 12, 2, id="nothing waits: what is worked on does not keep the third"),
        pytest.param(4, 12, 2, id="two waiting for each of the rest leave room for three more"),
        pytest.param(5, 0, 3, id="two and a half do not"),
    ],
)
def test_wva_spreads_what_waits_over_the_rest(queued: int, in_flight: int, replicas: int) -> None:
    setting = replace(MANY, min_replicas=3)
    wva = controller("wva", setting, 0.0)
    view = Replay(pool([0.0] * 40, 900), setting, Constant(90.0), wva)
    view.head, view.tail = in_flight, in_flight + queued
    wva.step(30.0, view)
    assert wva.step(45.0, view) == replicas


def test_keepalive_holds_for_its_cooldown_after_the_last_minute_with_requests() -> None:
    (first_at, _), *_, (stopped_at, last) = changes(replayed("keepalive", pool([100.0], 5), ONE))
    assert first_at - 100 <= 15.2
    assert last == 0
    assert 360 <= stopped_at - (first_at + 90) <= 360 + 60 + 30


@pytest.mark.parametrize(("idle", "starts"), [(0, 3), (50, 3), (150, 2), (250, 1)])
def test_a_fixed_timeout_bridges_gaps_that_are_shorter(idle: int, starts: int) -> None:
    requests = pool([100.0, 300.0, 500.0], 5)
    assert replayed(f"fixed:idle={idle}", requests, ONE).cold_starts == starts


def test_ski_rental_pays_at_most_twice_the_optimum_plus_its_polls() -> None:
    requests = pool([600.0 * number for number in range(30)], 0.0)
    outcome = replayed("ski-rental", requests, ONE)
    assert outcome.accelerator_seconds <= 30 * (2 * (90 + 5) + 2)


def test_the_histogram_keeps_for_the_whole_range_until_it_is_certain() -> None:
    assert IdleTimes(14_400.0).plan() == Plan(0.0, 14_400.0)


def test_the_histogram_prewarms_a_periodic_caller() -> None:
    idle = IdleTimes(14_400.0)
    for _ in range(50):
        idle.add(1805.0)
    plan = idle.plan()
    assert plan.start == pytest.approx(30 * 60 * 0.9)
    assert plan.keep_until == pytest.approx(31 * 60 * 1.1)


def test_the_histogram_forecasts_where_most_idle_times_are_beyond_its_range() -> None:
    idle = IdleTimes(14_400.0)
    for _ in range(5):
        idle.add(20_000.0)
    assert (idle.plan().start, idle.plan().keep_until) == pytest.approx((17_000.0, 23_000.0))


def test_every_policy_serves_everything() -> None:
    requests = pool([100.0, 101.0, 2000.0, 2030.0], 10)
    for name in POLICIES:
        outcome = replayed(
            "fixed:idle=60" if name == "fixed" else name, requests, replace(ONE, min_replicas=0)
        )
        if name not in ("always-on", "optimum"):
            assert len(outcome.waits) == 4
            assert max(outcome.waits) < 200, name
