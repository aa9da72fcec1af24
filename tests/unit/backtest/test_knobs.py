"""Each setting of a peer does what its documentation says, and an impossible one is refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from poolkeeper.backtest.controllers.knobs import Knob
from poolkeeper.backtest.controllers.registry import AT_A_SHARE, POLICIES, PolicyError, parse_policy
from poolkeeper.backtest.simulation.replay import Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.core.baselines.hpa import Behavior, Recommender
from tests.unit.backtest.traces import changes, controller, pool, replayed

ONE = Setting(budget_seconds=120)
MANY = replace(ONE, max_replicas=20)


@pytest.mark.parametrize(
    ("behavior", "current", "replicas"),
    [
        pytest.param(Behavior(up_pods=10), 1, 11, id="policy Pods 10"),
        pytest.param(Behavior(up_percent=300), 4, 16, id="policy Percent 300"),
        pytest.param(Behavior(up_percent=50, up_pods=0), 5, 8, id="half of 5 more, rounded up"),
        pytest.param(Behavior(up_percent=0, up_pods=1), 5, 6, id="one at a time"),
    ],
)
def test_policies_bound_one_rise_of_the_hpa(behavior: Behavior, current: int, replicas: int) -> None:
    hpa = Recommender(1, floor=0, ceiling=50, stabilization=0, behavior=behavior)
    assert hpa.replicas(0.0, current, 40) == replicas


@pytest.mark.parametrize(
    ("behavior", "replicas"),
    [
        pytest.param(Behavior(), [0], id="by default all may go at once"),
        pytest.param(Behavior(down_percent=50), [5, 2, 1, 0], id="Percent 50: of 5, 2.5 stay, cut to 2"),
        pytest.param(
            Behavior(down_percent=0, down_pods=4, down_period=30),
            [6, 6, 2, 2],
            id="Pods 4 in 30 s: every second sync",
        ),
        pytest.param(
            Behavior(down_percent=10, down_pods=4), [6, 2, 0], id="the policy that allows more decides"
        ),
    ],
)
def test_policies_bound_the_falls_of_the_hpa(behavior: Behavior, replicas: list[int]) -> None:
    hpa = Recommender(1, floor=0, ceiling=50, stabilization=0, behavior=behavior)
    seen = [10]
    for sync in range(len(replicas)):
        seen.append(hpa.replicas(15.0 * sync, seen[-1], 0))
    assert seen[1:] == replicas


def test_the_hpa_rises_to_the_lowest_recommendation_of_the_window_upwards() -> None:
    hpa = Recommender(1, floor=0, ceiling=50, stabilization=0, behavior=Behavior(up_stabilization=30))
    asked = [hpa.replicas(at, 2, total) for at, total in ((0, 2), (15, 6), (30, 8), (45, 9), (60, 9))]
    assert asked == [2, 2, 2, 6, 6], (
        "at 45 s the 2 of 0 s is forgotten; at 60 s 8 would do, but 4 pods is all"
    )


@pytest.mark.parametrize(("tolerance", "replicas"), [(0.1, 10), (0.04, 11), (0.0, 11)])
def test_the_hpas_tolerance(tolerance: float, replicas: int) -> None:
    hpa = Recommender(1, floor=0, ceiling=50, stabilization=0, behavior=Behavior(tolerance=tolerance))
    assert hpa.replicas(0.0, 10, 10.5) == replicas


def test_an_hpa_that_looks_back_upwards_remembers_its_rest_at_zero() -> None:
    (first_at, _), *_ = changes(replayed("hpa:scaleUp.stabilizationWindowSeconds=60", pool([1000.0], 5), ONE))
    assert 1060 <= first_at <= 1060 + 2 * 15 + 0.2


def test_keda_goes_from_idle_to_its_minimum_and_back_after_the_cooldown() -> None:
    text = "keda:minReplicaCount=3, idleReplicaCount = 0,pollingInterval=5, cooldownPeriod=60"
    setting = replace(MANY, write_seconds=0.0)
    (up_at, up), (down_at, down) = changes(
        Replay(pool([100.0], 5), setting, Constant(90.0), controller(text, setting, 0.0)).run()
    )
    assert (up_at, up, down) == (100.0, 3, 0), "one request, and the minimum for it"
    assert down_at == 190 + 60 + 5, "the last active poll was at 190 s"


def test_keda_with_a_minimum_keeps_it() -> None:
    seen = changes(
        replayed("keda:minReplicaCount=2,pollingInterval=5,cooldownPeriod=0", pool([100.0], 5), MANY)
    )
    assert [replicas for _, replicas in seen] == [2]


def test_keda_leaves_the_replica_of_a_new_deployment_for_the_initial_cooldown() -> None:
    text = "keda:pollingInterval=10,cooldownPeriod=30,initialCooldownPeriod=600"
    setting = replace(ONE, write_seconds=0.0)
    requests = pool([5000.0], 5)
    seen = changes(Replay(requests, setting, Constant(90.0), controller(text, setting, 0.0)).run())
    assert seen[:2] == [(0.0, 1), (610.0, 0)]
    busy = changes(
        Replay(pool([95.0, 5000.0], 7), setting, Constant(90.0), controller(text, setting, 0.0)).run()
    )
    assert busy[1] == (140.0, 0), "once a trigger was active, at 100 s, the cooldown counts"


@pytest.mark.parametrize(("waiting", "replicas"), [(3, 0), (4, 1)])
def test_keda_starts_above_its_activation_threshold(waiting: int, replicas: int) -> None:
    keda = controller("keda:activationThreshold=3", ONE, 0.0)
    view = Replay(pool([0.0] * 9, 5), ONE, Constant(90.0), keda)
    view.tail = waiting
    assert keda.step(30.0, view) == replicas


@pytest.mark.parametrize(
    ("text", "drains", "replicas"),
    [
        pytest.param("keda", True, 1, id="a source that knows what is worked on"),
        pytest.param("keda", False, 0, id="a Redis list, where replicas don't drain"),
        pytest.param("keda:scaleOnInFlight=1", False, 1, id="as declared"),
        pytest.param("keda:scaleOnInFlight=0", True, 0, id="as declared"),
        pytest.param("keda-http", False, 1, id="interceptors hold what is in flight"),
    ],
)
def test_what_kedas_triggers_count(text: str, drains: bool, replicas: int) -> None:
    setting = replace(ONE, drains=drains)
    keda = controller(
        f"{text}{':' if text.isalpha() or text == 'keda-http' else ','}cooldownPeriod=60", setting, 0.0
    )
    view = Replay(pool([0.0], 900), setting, Constant(90.0), keda)
    view.tail = 1
    assert keda.step(30.0, view) == 1
    view.head = 1
    assert [keda.step(at, view) for at in (60.0, 90.0, 120.0)][-1] == replicas


@pytest.mark.parametrize(
    ("text", "idle"),
    [
        pytest.param("knative:stable-window=120", 120, id="the stable window"),
        pytest.param("knative:scale-to-zero-pod-retention-period=90", 60 + 90, id="retention comes after"),
        pytest.param("knative:scale-down-delay=90", 60 + 90, id="and so does the delay"),
        pytest.param(
            "knative:burst=0,scale-to-zero-grace-period=40,scale-to-zero-pod-retention-period=90", 60 + 90,
            id="grace and retention run together",
        ),
        pytest.param("knative:target-burst-capacity=-1", 60, id="always proxied: no grace is left"),
    ],
)  # fmt: skip
def test_how_long_knatives_last_pod_stays(text: str, idle: float) -> None:
    (first_at, _), (stopped_at, last) = changes(replayed(text, pool([100.0], 5), ONE))
    assert last == 0
    assert idle - 2 <= stopped_at - (first_at + 90 + 5) <= idle + 3 * 2


@pytest.mark.parametrize(
    ("text", "most"),
    [
        pytest.param("knative", 29, id="20 in the last 6 s are more than twice one pod"),
        pytest.param(
            "knative:panic-window-percentage=100", 11, id="not in a panic window as long as the stable"
        ),
        pytest.param(
            "knative:target-utilization-percentage=100,panic-window-percentage=100", 8, id="fully used"
        ),
        pytest.param("knative:target=0.5,panic-window-percentage=100", 21, id="half a request for each pod"),
        pytest.param("knative:max-scale-up-rate=3", 3, id="three times the one that is ready"),
    ],
)
def test_how_many_pods_knative_asks_for(text: str, most: int) -> None:
    """One request for a minute, then 20 for 20 s: 7.3 on average over 60 s, at 0.7 for each pod."""
    knative = controller(text, MANY, 0.0)
    view = Replay(pool([0.0] * 40, 900), MANY, Constant(90.0), knative)
    view.desired = view.ready = 1
    view.load_integral = lambda now: now + 19 * max(0.0, now - 60)  # type: ignore[method-assign]
    assert max(knative.step(2.0 * tick, view) for tick in range(41)) == most


@pytest.mark.parametrize(
    ("text", "idle"),
    [
        pytest.param("kubeai:timeWindow=60", 60 + 30, id="the window, and the delay after it"),
        pytest.param("kubeai:timeWindow=60,scaleDownDelaySeconds=0", 60, id="without a delay"),
        pytest.param(
            "kubeai:timeWindow=60,interval=20,scaleDownDelaySeconds=20", 60 + 20, id="interval 20 s"
        ),
    ],
)
def test_how_long_kubeais_last_replica_stays(text: str, idle: float) -> None:
    (first_at, _), (stopped_at, last) = changes(replayed(text, pool([100.0], 50), ONE))
    assert last == 0
    assert idle - 20 <= stopped_at - (first_at + 90 + 50) <= idle + 2 * 20


@pytest.mark.parametrize(
    ("text", "setting", "message"),
    [
        ("keda:idleReplicaCount=0", ONE, "idleReplicaCount = 0 must be below minReplicaCount = 0"),
        ("keda:minReplicaCount=3", ONE, "must lie between --min-replicas = 0 and --max-replicas = 1"),
        ("keda:minReplicaCount=1", replace(MANY, min_replicas=2), "must lie between --min-replicas = 2"),
        (
            "keda:minReplicaCount=3,idleReplicaCount=0", replace(MANY, min_replicas=2),
            "idleReplicaCount = 0 is below --min-replicas = 2",
        ),
        ("knative:target=8", replace(ONE, concurrency=4), "target = 8 is above the 4 that a replica takes"),
    ],
)  # fmt: skip
def test_a_policy_that_does_not_fit_what_all_share_is_refused(
    text: str, setting: Setting, message: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text).check(setting)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("peer", "old"),
    [
        ("keda:pollingInterval=5,cooldownPeriod=30", "keda:polling=5,cooldown=30"),
        ("keda:scaleDown.stabilizationWindowSeconds=0", "keda:stabilization=0"),
        ("hpa:sync-period=30,averageValue=2", "hpa:sync=30,target=2"),
        ("knative:stable-window=30,target-burst-capacity=0", "knative:window=30,burst=0"),
        ("kubeai:timeWindow=60,scaleDownDelaySeconds=0", "kubeai:window=60,delay=0"),
    ],
)
def test_a_knob_has_the_name_that_the_peer_gives_it_and_a_short_one(peer: str, old: str) -> None:
    requests = pool([100.0, 130.0, 400.0, 400.0, 400.0], 5)
    assert parse_policy(peer).given == parse_policy(old).given
    assert changes(replayed(peer, requests, MANY)) == changes(replayed(old, requests, MANY))
    assert parse_policy(old).label == old


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kedda", "policy 'kedda' is unknown"),
        ("keda:coldown=3", "has no parameter 'coldown'"),
        ("keda:polling=0", "polling must lie between 0.1 and 604800"),
        ("keda:polling=1e-9", "polling must lie between 0.1 and 604800"),
        ("keda:target=1e-320", "target must lie between 0.001 and"),
        ("keda:polling=30,polling=60", "has the parameter 'polling' twice"),
        ("hpa:sync=nan", "sync must lie between"),
        ("knative:utilization=0", "utilization must lie between 1 and 100"),
        ("knative:window=1", "window must lie between 6 and 3600"),
        ("kubeai:window=1", "window = 1 must be 1 to 100000 times the interval = 10"),
        ("kubeai:interval=0.1,window=604800", "times the interval"),
        ("hybrid-histogram:range=1e9", "range must lie between 60 and 604800"),
        ("fixed", "needs its timeout"),
        ("fixed:idle=x", "idle must be a number"),
        ("fixed:idle=-1", "idle must lie between 0 and"),
        ("keda:cooldownPeriod=-1", "cooldownPeriod must lie between 0 and"),
        ("keda:colour=1", "it has pollingInterval, cooldownPeriod, initialCooldownPeriod, minReplicaCount"),
        ("keda:polling=30,pollingInterval=60", "has the parameter 'pollingInterval' twice"),
        ("keda:idleReplicaCount=2", "idleReplicaCount must be 0, got 2 (KEDA documents"),
        ("keda:idleReplicaCount=1", "KEDA documents 0 as the only value that works"),
        ("keda:minReplicaCount=1.5", "minReplicaCount must be a whole number, got 1.5"),
        ("keda:scaleOnInFlight=2", "scaleOnInFlight must lie between 0 and 1"),
        ("keda-http:scaleOnInFlight=0", "has no parameter 'scaleOnInFlight'"),
        ("hpa:tolerance=10", "a share of the target: 0.1 is 10 %"),
        (
            "hpa:scaleDown.percent=150",
            "must lie between 0 and 100, got 150 (no more than all replicas can go",
        ),
        ("hpa:scaleUp.percent=0,scaleUp.pods=0", "scaleUp.percent and scaleUp.pods are both 0"),
        ("keda:scaleDown.percent=0", "scaleDown.percent and scaleDown.pods are both 0"),
        ("hpa:scaleUp.periodSeconds=0", "scaleUp.periodSeconds must lie between 1 and 1800"),
        ("hpa:stabilization=3601", "stabilization must lie between 0 and 3600"),
        ("knative:panic-window-percentage=150", "the panic window is a share of the stable window"),
        ("knative:panic-threshold-percentage=100", "must lie between 110 and 1000"),
        ("knative:max-scale-up-rate=1", "a rate of 1 would never scale"),
        ("knative:grace=5", "grace must lie between 6 and"),
        ("knative:scale-down-delay=3601", "scale-down-delay must lie between 0 and 3600"),
        ("kubeai:scaleDownDelaySeconds=-3", "scaleDownDelaySeconds must lie between 0 and"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse_policy(text)
    assert message in str(refused.value)


PAGE = (Path(__file__).resolve().parents[3] / "docs" / "backtest.md").read_text()
SHOWN_BY_EXAMPLE = ("fixed", "static", *AT_A_SHARE)
KNOBS = [
    (name, knob) for name, kind in POLICIES.items() if name not in SHOWN_BY_EXAMPLE for knob in kind.knobs
]


@pytest.mark.parametrize(("name", "knob"), KNOBS)
def test_each_knob_is_documented_with_its_default(name: str, knob: Knob) -> None:
    default = "" if knob.default is None else f" {knob.default:g}"
    assert f"`{knob.name}`{default}" in PAGE, name
