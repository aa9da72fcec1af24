"""The policies that the command line knows, with their published defaults as parameters."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature

from poolkeeper.backtest.controllers.histogram import HybridHistogram
from poolkeeper.backtest.controllers.hpa import Hpa
from poolkeeper.backtest.controllers.keda import Keda, KedaHttp, Keepalive
from poolkeeper.backtest.controllers.knative import Knative
from poolkeeper.backtest.controllers.kubeai import KubeAI
from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.controllers.timeouts import AlwaysOn, FixedIdle, SkiRental, Static
from poolkeeper.backtest.controllers.wva import Wva
from poolkeeper.backtest.simulation.controller import Controller
from poolkeeper.backtest.simulation.setting import Setting

OPTIMUM = "optimum"
POOLKEEPER = "poolkeeper"
ALWAYS_ON = "always-on"

Parameters = Mapping[str, float]


class PolicyError(Exception):
    """The name or a parameter of a policy is unknown; the text says which ones there are."""


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy with its parameters, as given on the command line."""

    name: str
    parameters: tuple[tuple[str, float], ...] = ()

    @property
    def label(self) -> str:
        """The form that `parse_policy` reads."""
        values = ",".join(f"{key}={value:g}" for key, value in self.parameters)
        return f"{self.name}:{values}" if values else self.name

    def controller(self, setting: Setting, pool: str) -> Controller:
        """A fresh controller for one pool; its clocks start at an instant drawn from seed and pool."""
        return self.controller_at(setting, random.Random(f"{setting.seed} clocks {pool}").random())  # noqa: S311

    def controller_at(self, setting: Setting, phase: float) -> Controller:
        """A fresh controller whose clocks started at this part of their periods, from 0 to 1.

        A controller gets those of the values below that its arguments name. Unless a target is given, a peer
        aims at as many requests per replica as the replica works on at once (or at its utilization of them),
        which is the best value for it.
        """
        kind, defaults = POLICIES[self.name]
        parameters = {**defaults, **dict(self.parameters)}
        aimed_at = setting.concurrency * parameters.get("utilization", 100.0) / 100
        values = {
            "setting": setting,
            "floor": setting.min_replicas,
            "ceiling": setting.max_replicas,
            "concurrency": setting.concurrency,
            "capacity": setting.concurrency,
            "poll": setting.poll_seconds,
            "prior": setting.start_prior_seconds,
            "termination": setting.termination_seconds,
            "phase": phase,
            "range_seconds": parameters.get("range"),
            **parameters,
            "target": parameters.get("target") or aimed_at,
        }
        return kind(**{name: values[name] for name in signature(kind).parameters if name in values})


def parse_policy(text: str) -> Policy:
    """A policy from NAME[:key=value,…]; raises PolicyError."""
    name, _, arguments = text.partition(":")
    if name not in POLICIES:
        raise PolicyError(f"policy {name!r} is unknown; there are {', '.join(POLICIES)}")
    parameters = tuple(_parameter(name, argument) for argument in arguments.split(",") if argument)
    if name == "fixed" and not parameters:
        raise PolicyError("policy 'fixed' needs its timeout, for example fixed:idle=300")
    _check_together(name, parameters)
    return Policy(name, parameters)


def _check_together(policy: str, parameters: tuple[tuple[str, float], ...]) -> None:
    keys = [key for key, _ in parameters]
    if twice := [key for key in dict.fromkeys(keys) if keys.count(key) > 1]:
        raise PolicyError(f"policy {policy!r} has the parameter {twice[0]!r} twice")
    values = {**POLICIES[policy][1], **dict(parameters)}
    if "interval" in values and not 1 <= values["window"] / values["interval"] <= MOST_INTERVALS:
        raise PolicyError(
            f"policy {policy!r}: window = {values['window']:g} must be 1 to {MOST_INTERVALS:g} "
            f"times the interval = {values['interval']:g}"
        )


def _parameter(policy: str, text: str) -> tuple[str, float]:
    key, _, value = text.partition("=")
    known = POLICIES[policy][1]
    if key not in known:
        names = ", ".join(known) if known else "none"
        raise PolicyError(f"policy {policy!r} has no parameter {key!r}; it has {names}")
    try:
        number = float(value)
    except ValueError as error:
        raise PolicyError(f"policy {policy!r}: {key} must be a number, got {value!r}") from error
    least, most = LIMITS.get(f"{policy}:{key}") or LIMITS.get(key, (0.0, 1e9))
    if not least <= number <= most:
        raise PolicyError(f"policy {policy!r}: {key} must lie between {least:g} and {most:g}, got {value}")
    return key, number


PERIOD = (0.1, 604_800.0)
"""Bounds in seconds: with shorter periods a replay would spend its time looking."""
MOST_INTERVALS = 100_000.0

LIMITS: Mapping[str, tuple[float, float]] = {
    "target": (0.001, 1e9),
    "polling": PERIOD,
    "sync": PERIOD,
    "interval": PERIOD,
    "loop": PERIOD,
    "window": PERIOD,
    "knative:window": (6.0, 3600.0),
    "utilization": (1.0, 100.0),
    "range": (60.0, 604_800.0),
}
"""Least and greatest values of parameters that are divisors or numbers of steps; Knative's own limits where
it has some.
"""


KEDA_DEFAULTS = {"polling": 30.0, "cooldown": 300.0, "stabilization": 300.0, "target": 0.0}

POLICIES: Mapping[str, tuple[Callable[..., Controller], Parameters]] = {
    POOLKEEPER: (Poolkeeper, {}),
    "keda": (Keda, KEDA_DEFAULTS),
    "keda-http": (KedaHttp, KEDA_DEFAULTS),
    "knative": (Knative, {"window": 60.0, "grace": 30.0, "utilization": 70.0, "burst": 211.0}),
    "hpa": (Hpa, {"sync": 15.0, "stabilization": 300.0, "target": 0.0}),
    "kubeai": (KubeAI, {"interval": 10.0, "window": 600.0, "delay": 30.0, "target": 0.0}),
    "wva": (Wva, {"retention": 600.0, "loop": 30.0, "stabilization": 300.0}),
    "keepalive": (Keepalive, {"polling": 15.0, "cooldown": 360.0, "target": 5.0}),
    ALWAYS_ON: (AlwaysOn, {}),
    "fixed": (FixedIdle, {"idle": 300.0}),
    "static": (Static, {"idle": 300.0, "delay": 0.0, "service": 0.0}),
    "ski-rental": (SkiRental, {}),
    "hybrid-histogram": (HybridHistogram, {"range": 14_400.0}),
    OPTIMUM: (AlwaysOn, {}),
}
