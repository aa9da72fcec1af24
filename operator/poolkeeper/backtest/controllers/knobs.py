"""The settings of peers: their names as the peers have them, their defaults, and what they may be.

A knob can also be given by its short name, which is the name of the controller's argument: `keda:polling=5`
is `keda:pollingInterval=5`. Times are seconds. A default of None means: from what all policies share.
"""

from collections.abc import Mapping
from dataclasses import dataclass

WEEK = 604_800.0
PERIOD = (0.1, WEEK)
"""Bounds in seconds: with shorter periods a replay would spend its time looking."""
ANY = (0.0, 1e9)
COUNT = (0.0, 1e6)
TARGET = (0.001, 1e9)


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting of a peer."""

    name: str
    argument: str
    """The argument of the controller, which is the short name too."""
    default: float | None
    bounds: tuple[float, float] = ANY
    why: str = ""
    """Ends the sentence that refuses a value out of bounds."""
    is_whole: bool = False

    def refusal(self, value: float) -> str | None:
        """What is possible, if the value is not; begins after the knob's name."""
        least, most = self.bounds
        if not least <= value <= most and least == most:
            return f"must be {least:g}"
        if not least <= value <= most:
            return f"must lie between {least:g} and {most:g}"
        if self.is_whole and value != int(value):
            return "must be a whole number"
        return None


POLICIES_OF_HPA = "0 is no such policy"
BEHAVIOR = (
    Knob("tolerance", "tolerance", 0.1, (0.0, 1.0), "a share of the target: 0.1 is 10 %"),
    Knob("scaleDown.stabilizationWindowSeconds", "stabilization", 300.0, (0.0, 3600.0)),
    Knob("scaleUp.stabilizationWindowSeconds", "up_stabilization", 0.0, (0.0, 3600.0)),
    Knob("scaleUp.percent", "up_percent", 100.0, COUNT, POLICIES_OF_HPA, is_whole=True),
    Knob("scaleUp.pods", "up_pods", 4.0, COUNT, POLICIES_OF_HPA, is_whole=True),
    Knob("scaleUp.periodSeconds", "up_period", 15.0, (1.0, 1800.0), is_whole=True),
    Knob(
        "scaleDown.percent", "down_percent", 100.0, (0.0, 100.0),
        "no more than all replicas can go, and 0 is no such policy", is_whole=True,
    ),
    Knob("scaleDown.pods", "down_pods", 0.0, COUNT, POLICIES_OF_HPA, is_whole=True),
    Knob("scaleDown.periodSeconds", "down_period", 15.0, (1.0, 1800.0), is_whole=True),
)  # fmt: skip
"""Of the HPA: `spec.behavior`, and under KEDA `advanced.horizontalPodAutoscalerConfig.behavior`. Each
direction has at most one policy of each type here; of the two, the one that allows more decides.
"""
ON_IN_FLIGHT = Knob(
    "scaleOnInFlight", "counts_in_flight", None, (0.0, 1.0),
    "1 counts what is worked on too, 0 only what waits", is_whole=True,
)  # fmt: skip
SCALED_OBJECT = (
    Knob("pollingInterval", "polling", 30.0, PERIOD),
    Knob("cooldownPeriod", "cooldown", 300.0),
    Knob("initialCooldownPeriod", "initial_cooldown", 0.0),
    Knob("minReplicaCount", "floor", None, COUNT, is_whole=True),
    Knob(
        "idleReplicaCount", "idle_replicas", None, (0.0, 0.0),
        "KEDA documents 0 as the only value that works, since its HPA keeps minReplicaCount", is_whole=True,
    ),
    Knob("activationThreshold", "activation", 0.0),
    *BEHAVIOR,
)  # fmt: skip
KEDA = (*SCALED_OBJECT, Knob("threshold", "target", None, TARGET), ON_IN_FLIGHT)
KEDA_HTTP = (*SCALED_OBJECT, Knob("targetValue", "target", None, TARGET))
KEEPALIVE = (
    Knob("pollingInterval", "polling", 15.0, PERIOD),
    Knob("cooldownPeriod", "cooldown", 360.0),
    Knob("threshold", "target", 5.0, TARGET),
)
HPA = (
    Knob("sync-period", "sync", 15.0, PERIOD),
    *BEHAVIOR,
    Knob("averageValue", "target", None, TARGET),
    ON_IN_FLIGHT,
)
KNATIVE = (
    Knob("stable-window", "window", 60.0, (6.0, 3600.0)),
    Knob(
        "panic-window-percentage", "panic_window", 10.0, (1.0, 100.0),
        "the panic window is a share of the stable window, and can't be longer",
    ),
    Knob(
        "panic-threshold-percentage", "panic_threshold", 200.0, (110.0, 1000.0),
        "a share of what the ready pods can take",
    ),
    Knob("scale-to-zero-grace-period", "grace", 30.0, (6.0, WEEK)),
    Knob("scale-to-zero-pod-retention-period", "retention", 0.0, (0.0, WEEK)),
    Knob("scale-down-delay", "delay", 0.0, (0.0, 3600.0)),
    Knob("target", "soft_limit", None, (0.01, 1e9)),
    Knob("target-utilization-percentage", "utilization", 70.0, (1.0, 100.0)),
    Knob("target-burst-capacity", "burst", 211.0, (-1.0, 1e9), "-1 is no limit"),
    Knob("max-scale-up-rate", "max_up_rate", 1000.0, (1.01, 1e9), "a rate of 1 would never scale"),
    Knob("max-scale-down-rate", "max_down_rate", 2.0, (1.01, 1e9), "a rate of 1 would never scale"),
)  # fmt: skip
KUBEAI = (
    Knob("interval", "interval", 10.0, PERIOD),
    Knob("timeWindow", "window", 600.0, PERIOD),
    Knob("scaleDownDelaySeconds", "delay", 30.0),
    Knob("targetRequests", "target", None, TARGET),
)
WVA = (
    Knob("retention", "retention", 600.0),
    Knob("loop", "loop", 30.0, PERIOD),
    Knob("stabilization", "stabilization", 300.0, (0.0, 3600.0)),
)
FIXED = (Knob("idle", "idle", 300.0),)
STATIC = (*FIXED, Knob("delay", "delay", 0.0), Knob("service", "service", 0.0))
FRONTIER = (
    Knob("late", "late", None, (0.0, 100.0), "the percentage of the requests that are late"),
)  # fmt: skip
HYBRID_HISTOGRAM = (Knob("range", "range_seconds", 14_400.0, (60.0, WEEK)),)

MOST_INTERVALS = 100_000.0
Values = Mapping[str, float]
"""Knobs that were given, by argument."""


def together(knobs: tuple[Knob, ...], given: Values) -> str | None:
    """What is wrong with knobs that do not go together."""
    values = {knob.argument: knob.default for knob in knobs} | dict(given)
    interval, window = values.get("interval"), values.get("window")
    if interval and window and not 1 <= window / interval <= MOST_INTERVALS:
        return f"window = {window:g} must be 1 to {MOST_INTERVALS:g} times the interval = {interval:g}"
    for direction in ("up", "down"):
        if values.get(f"{direction}_percent") == values.get(f"{direction}_pods") == 0:
            name = f"scale{direction.capitalize()}"
            return (
                f"{name}.percent and {name}.pods are both 0, so that nothing could change; give one of them"
            )
    return None


def beside(given: Values, concurrency: int, min_replicas: int, max_replicas: int) -> str | None:
    """What is wrong with knobs in view of what all policies share."""
    least = given.get("floor", min_replicas)
    if not min_replicas <= least <= max_replicas:
        return (
            f"minReplicaCount = {least:g} must lie between --min-replicas = {min_replicas} "
            f"and --max-replicas = {max_replicas}"
        )
    if "idle_replicas" in given:
        idle = given["idle_replicas"]
        if idle >= least:
            return (
                f"idleReplicaCount = {idle:g} must be below minReplicaCount = {least:g}; give a "
                f"minReplicaCount of at least {idle + 1:g}, or leave out idleReplicaCount"
            )
        if idle < min_replicas:
            return (
                f"idleReplicaCount = {idle:g} is below --min-replicas = {min_replicas}, and no policy may go "
                "below that; leave out --min-replicas and give minReplicaCount"
            )
    if given.get("soft_limit", 0.0) > concurrency:
        return (
            f"target = {given['soft_limit']:g} is above the {concurrency} that a replica takes at once "
            "(--concurrency), and Knative would use the smaller number"
        )
    return None
