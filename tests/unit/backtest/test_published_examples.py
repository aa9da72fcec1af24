"""The peers' own documentation and tests, with their figures."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from poolkeeper.backtest.controllers.kubeai import KubeAI
from poolkeeper.backtest.controllers.wva import Wva
from poolkeeper.core.baselines.controller import Controller
from poolkeeper.core.baselines.hpa import Recommender
from poolkeeper.core.baselines.keda import Keda, KedaHttp, Keepalive
from poolkeeper.core.baselines.knative import Knative
from poolkeeper.core.baselines.replica import Replica

HALF_WAY = 0.5
"""KEDA's polls then come at 15, 45, 75, … s, and the HPA's syncs at 7.5, 22.5, 37.5, … s."""


@dataclass
class ExamplePool:
    """A pool that shows whatever an example says, in which whatever is asked for is there at once."""

    controller: Controller
    queued: int = 0
    in_flight: int = 0
    ready: int = 0
    desired: int = 0
    head: int = 0
    tail: int = 0
    completed: int = 0
    starting: list[Replica] = field(default_factory=list)
    newly_ready: list[Replica] = field(default_factory=list)
    mean_start_seconds: float | None = None
    now: float = 0.0
    load: float = 0.0
    follows: bool = True

    def load_integral(self, now: float) -> float:
        return self.load

    def terminating(self, now: float) -> int:
        return 0

    def at(self, now: float, *, queued: int = 0, in_flight: int = 0) -> int:
        """What is asked for at an instant."""
        self.tail += max(0, queued - self.queued)
        self.load += (queued + in_flight) * (now - self.now)
        self.queued, self.in_flight, self.now = queued, in_flight, now
        self.desired = self.controller.step(now, self)
        if self.follows:
            self.ready = self.desired
        return self.desired

    def each(self, period: float, times: int, *, in_flight: int) -> int:
        """What is asked for in the end, after some periods of the same load."""
        return [self.at(self.now + period, in_flight=in_flight) for _ in range(times)][-1]


def keda(target: float = 5.0) -> Keda:
    return Keda(target=target, floor=0, ceiling=100, polling=30, cooldown=300, phase=HALF_WAY)


@pytest.mark.parametrize(
    ("metric", "replicas"),
    [(1, 1), (5, 1), (6, 2), (10, 2), (11, 3), (25, 5)],
)
def test_keda_asks_for_the_metric_over_the_target_rounded_up(metric: int, replicas: int) -> None:
    """Redis lists, listLength 5: the HPA's AverageValue, with its tolerance out of the way."""
    scene = ExamplePool(keda())
    assert scene.at(15.0, queued=metric) == 1
    assert scene.at(22.5, queued=metric) == replicas


def test_keda_activates_with_one_replica_and_leaves_the_rest_to_the_hpa() -> None:
    """Hundred messages at zero: 0 to 1 by the poll, then at most four pods or 100 % in each 15 s."""
    scene = ExamplePool(keda())
    asked = [scene.at(at, queued=100) for at in (7.5, 15.0, 22.5, 37.5, 45.0, 52.5, 67.5)]
    assert asked == [0, 1, 5, 10, 10, 20, 20]


def test_keda_cools_down_from_the_last_active_poll_whatever_the_hpa_still_wants() -> None:
    scene = ExamplePool(keda())
    for at in (15.0, 22.5, 37.5, 45.0):
        scene.at(at, queued=100)
    polls = {at: scene.at(at) for at in (75.0, 105.0, 315.0, 345.0, 375.0)}
    assert polls[345.0] > 0, "300 s are not over yet, only reached"
    assert polls[375.0] == 0


def test_the_http_add_on_is_pushed_at_zero_and_an_hpa_on_concurrency_above_one() -> None:
    """HTTPScaledObject, scalingMetric.concurrency.targetValue 100."""
    scene = ExamplePool(KedaHttp(target=100, floor=0, ceiling=10, polling=30, cooldown=300, phase=HALF_WAY))
    assert scene.at(1.0, queued=250) == 1
    assert scene.at(7.5, queued=150, in_flight=100) == 3
    assert scene.at(22.5, in_flight=320) == 3, "within 10 % of three replicas' target"
    assert scene.at(37.5, in_flight=340) == 4


def test_the_keepalive_scales_on_waiting_requests_and_lives_on_recent_ones() -> None:
    """vllm:num_requests_waiting, threshold 5, polled every 15 s; cooldownPeriod 360 s."""
    scene = ExamplePool(Keepalive(target=5, floor=0, ceiling=10, polling=15, cooldown=360, phase=HALF_WAY))
    assert scene.at(7.5 + 15, queued=1) == 1, "a poll and a sync, as both have one period here"
    assert scene.at(37.5, queued=12, in_flight=40) == 3, "what is worked on counts for nothing"
    polls = {at: scene.at(at) for at in (52.5, 67.5, 82.5, 97.5, 427.5, 442.5, 457.5, 472.5)}
    last_seen = 37.5 + 60
    assert next(at for at, asked in polls.items() if asked == 0) == pytest.approx(last_seen + 360, abs=15)


@pytest.mark.parametrize(
    ("current", "utilization", "replicas"),
    [(3, 90, 6), (3, 50, 3), (3, 54, 3), (3, 56, 4), (4, 25, 2)],
)
def test_the_hpas_documentation(current: int, utilization: int, replicas: int) -> None:
    """desired = ceil(current × metric ÷ target); a ratio of 0.9 to 1.1 is let be."""
    hpa = Recommender(50, floor=1, ceiling=10, stabilization=0)
    assert hpa.replicas(0.0, current, utilization * current) == replicas


def revision(target: float = 10.0, **rates: float) -> Knative:
    return Knative(target=target, capacity=target, burst=211, window=60, grace=30, phase=0.0, **rates)


@pytest.mark.parametrize(
    ("ready", "concurrency", "pods"),
    [
        pytest.param(1, 50, 5, id="TestAutoscalerStableModeNoChange"),
        pytest.param(1, 100, 10, id="TestAutoscalerStableModeIncrease"),
        pytest.param(8, 50, 5, id="TestAutoscalerStableModeDecrease"),
    ],
)
def test_knatives_stable_mode(ready: int, concurrency: int, pods: int) -> None:
    scene = ExamplePool(revision(), ready=ready, follows=False)
    assert scene.each(2, 40, in_flight=concurrency) == pods


def test_knatives_panic_doubles_the_pods() -> None:
    """TestAutoscalerPanicModeDoublePodCount: 50 in a minute, but 100 in the last six seconds."""
    scene = ExamplePool(revision(), ready=5, follows=False)
    scene.each(2, 28, in_flight=44)
    assert scene.each(2, 3, in_flight=100) == 10


def test_knatives_panic_tracks_exponential_growth() -> None:
    """TestAutoscalerPanicModeExponentialTrackAndStablize, target 1."""
    scene = ExamplePool(revision(1.0), ready=1, follows=False)
    for load in (6, 36, 216, 1296):
        assert scene.each(2, 4, in_flight=load) == load
        scene.ready = load


def test_knative_panics_and_comes_back_after_a_stable_window() -> None:
    """TestAutoscalerPanicThenUnPanicScaleDown, whose scale-down rate is 10."""
    scene = ExamplePool(revision(max_down_rate=10.0), ready=10, follows=False)
    assert scene.each(2, 40, in_flight=100) == 10
    assert scene.each(2, 3, in_flight=1000) == 100
    assert scene.each(2, 15, in_flight=1) == 100, "30 s later: still panicking"
    assert scene.each(2, 18, in_flight=1) == 1


@pytest.mark.parametrize(
    ("rates", "ready", "load", "pods"),
    [
        pytest.param((10.0, 10.0), 1, 1000, 10, id="TestAutoscalerRateLimitScaleUp"),
        pytest.param((10.0, 10.0), 10, 1000, 100, id="and again"),
        pytest.param((10.0, 10.0), 100, 1, 10, id="TestAutoscalerRateLimitScaleDown"),
        pytest.param((10.0, 10.0), 10, 1, 1, id="and again"),
        pytest.param((1000.0, 2.0), 1, 20_000, 1000, id="config-autoscaler: 1000 times upwards"),
        pytest.param((1000.0, 2.0), 9, 1, 4, id="config-autoscaler: half downwards"),
    ],
)
def test_knatives_rate_limits(rates: tuple[float, float], ready: int, load: int, pods: int) -> None:
    up, down = rates
    scene = ExamplePool(revision(max_up_rate=up, max_down_rate=down), ready=ready, follows=False)
    assert scene.each(2, 4, in_flight=load) == pods


def kubeai() -> KubeAI:
    return KubeAI(target=100, interval=10, window=600, delay=30, phase=0.0)


@pytest.mark.parametrize(("intervals", "replicas"), [(1, 1), (20, 1), (21, 2), (40, 2), (41, 3), (60, 3)])
def test_kubeai_asks_for_the_windows_average_over_the_target(intervals: int, replicas: int) -> None:
    """interval 10s, timeWindow 10m, targetRequests 100: 300 requests count by the share of the window."""
    scene = ExamplePool(kubeai())
    assert scene.each(10, intervals, in_flight=300) == replicas


def test_kubeai_goes_down_once_fewer_were_wanted_for_the_delay() -> None:
    """scaleDownDelaySeconds 30: at the fourth interval in a row, with an interval of 10 s."""
    scene = ExamplePool(kubeai())
    scene.each(10, 60, in_flight=300)
    asked = [scene.each(10, 1, in_flight=0) for _ in range(25)]
    first_lower = 19
    assert asked.index(2) == first_lower + 3, "40 of the window's 60 intervals are left: two replicas"


@pytest.mark.parametrize(
    ("ready", "desired", "queued", "asked"),
    [
        pytest.param(1, 1, 2, 1, id="three spare places are enough"),
        pytest.param(1, 1, 3, 2, id="queueSpareTrigger 3: two are not"),
        pytest.param(2, 2, 4, 2, id="on average over the replicas"),
        pytest.param(2, 2, 5, 3, id="and by one replica at a time"),
        pytest.param(2, 2, 500, 3, id="however many wait"),
        pytest.param(1, 2, 9, 2, id="not while one is pending"),
        pytest.param(2, 2, 0, 1, id="one less while two are not saturated"),
        pytest.param(2, 2, 3, 2, id="unless the rest would lack the headroom"),
        pytest.param(1, 1, 0, 1, id="MinNonSaturatedReplicasForScaleDown 2"),
    ],
)
def test_wvas_saturation_analyzer(ready: int, desired: int, queued: int, asked: int) -> None:
    """queueLengthThreshold 5, queueSpareTrigger 3; the gauge reaches /scale at the HPA's sync."""
    wva = Wva(retention=600, loop=30, ceiling=10, stabilization=0, phase=0.0)
    scene = ExamplePool(wva, ready=ready, desired=desired, follows=False)
    scene.at(30.0, queued=queued)
    assert scene.at(45.0, queued=queued) == asked


@pytest.mark.parametrize("build", [keda, revision, kubeai])
def test_nothing_is_asked_for_where_nothing_is_going_on(build: Callable[[], Controller]) -> None:
    assert ExamplePool(build()).at(450.0) == 0
