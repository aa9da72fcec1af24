"""The replayed pool keeps its own rules under every controller."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.backtest.controllers.clock import SteppingClock
from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.simulation.replay import Outcome, Replay
from poolkeeper.backtest.simulation.setting import Disturbance, Setting
from poolkeeper.backtest.simulation.start_times import Constant, Lognormal
from poolkeeper.backtest.simulation.waits import late_in, waits_when_always_on
from poolkeeper.backtest.traces.generators import generate
from poolkeeper.core.baselines.controller import NEVER, Pool
from tests.unit.backtest.traces import pool, replayed

SETTING = Setting(budget_seconds=120)


class Script:
    """Writes the given numbers of replicas at the given instants, whatever happens."""

    def __init__(self, writes: Sequence[tuple[float, int]]) -> None:
        self._writes = list(writes)
        self._wanted = 0
        self.wake_at = self._writes[0][0]

    def sees_requests_at(self, now: float) -> float:
        return NEVER

    def sees_replicas_at(self, now: float) -> float:
        return NEVER

    def step(self, now: float, pool: Pool) -> int:
        _, self._wanted = self._writes.pop(0)
        self.wake_at = self._writes[0][0] if self._writes else NEVER
        return self._wanted


def scripted(
    writes: Sequence[tuple[float, int]], arrivals: Sequence[float], service: float, setting: Setting
) -> Outcome:
    return Replay(pool(arrivals, service), setting, Constant(90.0), Script(writes)).run()


def test_a_replica_is_paid_for_from_the_write_to_the_end_of_termination() -> None:
    outcome = scripted([(10, 1), (200, 0)], [0], 7, SETTING)
    assert list(outcome.waits) == pytest.approx([10.1 + 90])
    assert outcome.accelerator_seconds == pytest.approx(200.1 + 5 - 10.1)
    assert outcome.busy_seconds == pytest.approx(7)
    assert (outcome.cold_starts, outcome.scale_actions, outcome.max_replicas) == (1, 2, 1)


def test_requests_are_taken_first_come_first_served_by_as_many_slots_as_there_are() -> None:
    outcome = scripted([(0, 1), (500, 0)], [0, 1, 2], 10, replace(SETTING, concurrency=2))
    assert list(outcome.waits) == pytest.approx([90.1, 89.1, 98.1])


def test_a_busy_replica_that_is_stopped_finishes_its_work_and_takes_no_more() -> None:
    outcome = scripted([(0, 1), (95, 0), (100, 1), (400, 0)], [0, 1], 20, SETTING)
    assert list(outcome.waits) == pytest.approx([90.1, 189.1])
    assert outcome.accelerator_seconds == pytest.approx((110.1 + 5 - 0.1) + (400.1 + 5 - 100.1))


NO_DRAINS = replace(SETTING, drains=False)


def test_a_busy_replica_that_does_not_drain_loses_what_it_works_on() -> None:
    outcome = scripted([(0, 1), (95, 0), (100, 1), (400, 0)], [0, 1], 20, NO_DRAINS)
    assert outcome.lost == 1
    assert outcome.waits[0] > SETTING.budget_seconds, "a lost request is late: nobody served it"
    assert outcome.waits[1] == pytest.approx(189.1)
    assert outcome.accelerator_seconds == pytest.approx((95.1 + 5 - 0.1) + (400.1 + 5 - 100.1))
    assert outcome.busy_seconds == pytest.approx(5 + 20)


def test_all_that_a_replica_works_on_is_lost_and_what_waits_is_not() -> None:
    setting = replace(NO_DRAINS, concurrency=2)
    outcome = scripted([(0, 1), (95, 0), (100, 1), (400, 0)], [0, 1, 2], 20, setting)
    assert outcome.lost == 2
    assert late_in(outcome.waits, 1000) == 2


@pytest.mark.parametrize(("drains", "lost"), [(True, 0), (False, 1)])
def test_without_draining_the_replica_that_became_ready_last_goes_first(drains: bool, lost: int) -> None:
    """At 150 s the older one is idle since 97 s, and the younger one works until 195 s."""
    setting = replace(SETTING, max_replicas=2, drains=drains)
    writes = [(0, 1), (5, 2), (150, 1), (400, 0)]
    outcome = Replay(pool([95.2, 95.3], [2, 100]), setting, Constant(90.0), Script(writes)).run()
    assert outcome.lost == lost


def test_an_idle_replica_that_stops_loses_nothing() -> None:
    assert scripted([(0, 1), (150, 0)], [0], 20, NO_DRAINS).lost == 0


@pytest.mark.parametrize(
    ("policy", "lost"),
    [
        pytest.param("keda:pollingInterval=5,cooldownPeriod=60", 1, id="a list shows what waits"),
        pytest.param(
            "keda:pollingInterval=5,cooldownPeriod=60,scaleOnInFlight=1", 0, id="a stream shows all"
        ),
        pytest.param("keda:cooldownPeriod=3600", 0, id="a cooldown longer than the work"),
        pytest.param("hpa", 1, id="300 s of stabilization"),
        pytest.param("keda-http", 0, id="interceptors know of what is in flight"),
        pytest.param("knative", 0, id="the queue-proxy drains"),
        pytest.param("keepalive", 1, id="nothing has come for a minute and its cooldown"),
        pytest.param("wva", 1, id="nothing was completed within its retention"),
        pytest.param("fixed:idle=0", 0, id="idle is idle"),
        pytest.param("poolkeeper", 0, id="lowers nothing while a request is in flight"),
    ],
)
def test_who_stops_a_worker_at_work(policy: str, lost: int) -> None:
    """One job of half an hour."""
    outcome = replayed(policy, pool([100.0], 1800), NO_DRAINS)
    assert outcome.lost == lost
    assert late_in(outcome.waits, SETTING.budget_seconds) == lost


def test_starting_replicas_go_first_when_the_number_is_lowered() -> None:
    outcome = scripted([(0, 1), (95, 2), (100, 1), (400, 0)], [0, 99], 1, replace(SETTING, max_replicas=2))
    assert list(outcome.waits) == pytest.approx([90.1, 0.0])
    assert outcome.accelerator_seconds == pytest.approx((400.1 + 5 - 0.1) + (100.1 + 5 - 95.1))


def test_requests_that_nobody_ever_takes_have_waited_longer_than_any_budget() -> None:
    outcome = scripted([(0, 0)], [0, 50], 1, SETTING)
    assert all(wait > SETTING.budget_seconds for wait in outcome.waits)


def test_a_peer_may_not_leave_the_bounds() -> None:
    outcome = scripted([(0, 9), (200, 0)], [0], 1, replace(SETTING, max_replicas=3))
    assert outcome.max_replicas == 3


def test_always_on_waits_are_those_of_its_slots() -> None:
    assert list(waits_when_always_on(pool([0, 1, 2], 10), 1)) == [0, 9, 18]
    assert list(waits_when_always_on(pool([0, 1, 2], 10), 2)) == [0, 0, 8]
    outcome = replayed("always-on", pool([0, 1, 2], 10), replace(SETTING, min_replicas=2, max_replicas=2))
    assert list(outcome.waits) == [0, 0, 8]


class EveryPoll(Poolkeeper):
    """Poolkeeper that polls at every interval, as the operator does, and decides each time."""

    def step(self, now: float, pool: Pool) -> int:
        if not self._due or self._due[0] > now:
            polled_at = round(now / self._poll) * self._poll
            if abs(polled_at - now) < 1e-6 and polled_at > self._shown_at:
                self._due.insert(0, polled_at)
        wanted = super().step(now, pool)
        following = (int(now / self._poll + 1e-6) + 1) * self._poll
        self.wake_at = min(self.wake_at, following)
        return wanted


@settings(max_examples=5, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 200), st.floats(0, 30)), min_size=1, max_size=6),
    st.sampled_from([(20.0, 1), *((budget, most) for budget in (100.0, 150.0) for most in (1, 2, 3))]),
)
def test_skipping_polls_that_show_nothing_new_changes_nothing(
    gaps_and_services: list[tuple[float, float]], promise: tuple[float, int]
) -> None:
    """Beyond one replica where a start outlasts the budget, half a second decides about one more."""
    budget, most = promise
    at, arrivals = 0.0, []
    for gap, _ in gaps_and_services:
        at += gap
        arrivals.append(at)
    requests = pool(arrivals, [service for _, service in gaps_and_services])
    setting = Setting(budget_seconds=budget, max_replicas=most)
    outcomes = [
        Replay(requests, setting, Lognormal(60.0, 0.3), controller).run()
        for controller in (Poolkeeper(setting), EveryPoll(setting))
    ]
    skipping, polling = outcomes
    assert polling.accelerator_seconds == pytest.approx(skipping.accelerator_seconds, abs=2.0)
    assert list(polling.waits) == pytest.approx(list(skipping.waits), abs=1.0)


def test_the_same_seed_gives_the_same_replay() -> None:
    requests = pool([100.0 * number for number in range(40)], 5)
    outcomes = [replayed("poolkeeper", requests, SETTING, Lognormal(60.0, 0.4)) for _ in range(2)]
    assert outcomes[0] == outcomes[1]


def test_late_and_lost_polls_cost_little_where_the_budget_leaves_room() -> None:
    requests = pool([400.0 * number for number in range(60)], 5)
    setting = Setting(budget_seconds=240)
    calm = replayed("poolkeeper", requests, setting)
    troubled = replayed(
        "poolkeeper", requests, replace(setting, disturbance=Disturbance(lag_seconds=30, lost_percent=5))
    )
    assert sum(wait > 240 for wait in troubled.waits) <= 1 + sum(wait > 240 for wait in calm.waits)
    assert troubled.accelerator_seconds <= 1.5 * calm.accelerator_seconds


class Noting(Poolkeeper):
    """Poolkeeper that notes how many requests were in flight whenever it lowered the replicas."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.in_flight_when_lowered: list[int] = []

    def step(self, now: float, pool: Pool) -> int:
        wanted = super().step(now, pool)
        if wanted < pool.desired:
            self.in_flight_when_lowered.append(pool.in_flight)
        return wanted


@pytest.mark.parametrize("drains", [True, False])
def test_replicas_that_do_not_drain_are_never_lowered_while_a_request_is_in_flight(drains: bool) -> None:
    """A crowd, and then one caller who always has a request in flight beside the crowd's replicas."""
    crowd, caller = [10.0] * 12, [300.0 + 19 * number for number in range(100)]
    setting = Setting(budget_seconds=150, max_replicas=6, drains=drains)
    controller = Noting(setting)
    Replay(pool([*crowd, *caller], 20), setting, Constant(90.0), controller).run()
    assert controller.in_flight_when_lowered
    assert any(controller.in_flight_when_lowered) is drains


def test_a_clock_that_is_put_back_every_hour_shows_an_instant_again() -> None:
    clock = SteppingClock(30.0)
    assert [clock.read(instant) for instant in (0.0, 3599.5, 3600.0, 3630.0, 7200.0)] == [
        0.0, 3599.5, 3570.0, 3600.0, 7140.0,
    ]  # fmt: skip
    assert clock.next_look(100.0, 0.5) == 3600.0
    assert clock.next_look(3600.0, 0.5) == 3600.5, "polls show nothing new until the clock has caught up"
    assert clock.next_look(3631.0, 0.5) == 7200.0


def test_a_clock_that_steps_back_makes_a_request_late_by_no_more_than_the_step() -> None:
    requests = pool([400.0 * number for number in range(60)], 5)
    calm_setting = Setting(budget_seconds=240)
    stepping = replace(calm_setting, disturbance=Disturbance(clock_back_seconds=30))
    controller = Poolkeeper(stepping)
    troubled = Replay(requests, stepping, Constant(90.0), controller).run()
    calm = replayed("poolkeeper", requests, calm_setting)
    assert controller.state.clock == pytest.approx(troubled.ended_at - 6 * 30, abs=60), (
        "six hours have passed"
    )
    assert max(calm.waits) <= 240
    assert max(troubled.waits) <= 240 + 30
    assert sum(wait > 240 for wait in troubled.waits) <= 6, "one request waits at most when the clock steps"
    assert troubled.accelerator_seconds <= 1.5 * calm.accelerator_seconds


def test_once_a_working_day_is_known_mornings_are_foretold() -> None:
    (requests,) = generate("generate:working-hours,rate=5,hours=1344", 0).pools
    setting = Setting(budget_seconds=20, objective_percent=99.9)
    hourly = replayed("fixed:idle=3600", requests, setting)
    learned = replayed("poolkeeper", requests, setting)
    assert late_in(learned.waits, 20) < 0.85 * late_in(hourly.waits, 20)
    assert learned.accelerator_seconds < hourly.accelerator_seconds
