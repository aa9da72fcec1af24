"""The policies that the command line knows, with their published defaults as parameters."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from inspect import signature
from typing import Any, NamedTuple

from poolkeeper.backtest.controllers import knobs
from poolkeeper.backtest.controllers.histogram import HybridHistogram
from poolkeeper.backtest.controllers.knobs import Knob
from poolkeeper.backtest.controllers.kubeai import KubeAI
from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.controllers.timeouts import AlwaysOn, FixedIdle, SkiRental, Static
from poolkeeper.backtest.controllers.wva import Wva
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.core.baselines.controller import Controller
from poolkeeper.core.baselines.hpa import Behavior, Hpa
from poolkeeper.core.baselines.keda import Keda, KedaHttp, Keepalive
from poolkeeper.core.baselines.knative import Knative

OPTIMUM = "optimum"
POOLKEEPER = "poolkeeper"
ALWAYS_ON = "always-on"
INFORMED = "informed"
HINDSIGHT = "hindsight"
FRONTIERS = (INFORMED, HINDSIGHT)
"""What is possible at any share of late requests: computed with the whole trace known, not replayed."""
TUNABLE = ("keda", "knative", "hpa", "kubeai", "fixed")
"""Peers whose settings are searched, as the policy tuned:PEER."""
TUNED = tuple(f"tuned:{peer}" for peer in TUNABLE)
AT_A_SHARE = (*FRONTIERS, *TUNED)
"""Policies whose row depends on a share of late requests, by default Poolkeeper's."""


class PolicyError(Exception):
    """The name or a parameter of a policy is unknown or impossible; the text says what is possible."""


class Kind(NamedTuple):
    """How a policy is built, and what can be set."""

    build: Callable[..., Controller]
    knobs: tuple[Knob, ...] = ()

    def knob(self, name: str) -> Knob | None:
        """The knob of a name or short name."""
        return next((knob for knob in self.knobs if name in (knob.name, knob.argument)), None)


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

    @property
    def given(self) -> dict[str, float]:
        """The parameters by the controller's arguments."""
        found = ((POLICIES[self.name].knob(key), value) for key, value in self.parameters)
        return {knob.argument: int(value) if knob.is_whole else value for knob, value in found if knob}

    def check(self, setting: Setting) -> None:
        """Raises PolicyError where the policy does not fit what all policies share."""
        shared = setting.min_replicas, setting.max_replicas, setting.concurrency
        if self.name in FRONTIERS and shared != (0, 1, 1):
            raise PolicyError(
                f"policy {self.name!r} is known only for pools of at most 1 replica that may stop and works "
                "on 1 request at a time; leave out the policy, or min replicas, max replicas and concurrency"
            )
        problem = knobs.beside(
            self.given, setting.concurrency, setting.min_replicas, setting.max_replicas
        )  # fmt: skip
        if problem:
            raise PolicyError(f"policy {self.name!r}: {problem}")

    def controller(self, setting: Setting, pool: str) -> Controller:
        """A fresh controller for one pool; its clocks start at an instant drawn from seed and pool."""
        return self.controller_at(setting, random.Random(f"{setting.seed} clocks {pool}").random())  # noqa: S311

    def controller_at(self, setting: Setting, phase: float) -> Controller:
        """A fresh controller whose clocks started at this part of their periods, from 0 to 1.

        A controller gets those of the values below that its arguments name. Unless a target is given, a peer
        aims at as many requests per replica as the replica works on at once (or at its utilization of them),
        which is the best value for it.
        """
        kind = POLICIES[self.name]
        defaults = {knob.argument: knob.default for knob in kind.knobs if knob.default is not None}
        parameters: dict[str, Any] = {**defaults, **self.given}
        aimed_at = parameters.get("soft_limit", setting.concurrency)
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
            "counts_in_flight": setting.drains,
            "target": aimed_at * parameters.get("utilization", 100.0) / 100,
            **parameters,
            "behavior": Behavior(
                **{
                    field.name: parameters[field.name]
                    for field in fields(Behavior)
                    if field.name in parameters
                }
            ),
        }
        return kind.build(
            **{name: values[name] for name in signature(kind.build).parameters if name in values}
        )


def parse_policy(text: str) -> Policy:
    """A policy from NAME[:key=value,…], where NAME may be tuned:PEER; raises PolicyError."""
    name, _, arguments = text.partition(":")
    if name == "tuned":
        peer, _, arguments = arguments.partition(":")
        name = f"tuned:{peer}"
    if name not in POLICIES:
        raise PolicyError(f"policy {name!r} is unknown; there are {', '.join(POLICIES)}")
    parameters = tuple(_parameter(name, argument) for argument in arguments.split(",") if argument)
    if name == "fixed" and not parameters:
        raise PolicyError("policy 'fixed' needs its timeout, for example fixed:idle=300")
    policy = Policy(name, parameters)
    _check_together(policy)
    return policy


def _check_together(policy: Policy) -> None:
    kind = POLICIES[policy.name]
    seen: set[Knob | None] = set()
    for key, _ in policy.parameters:
        if kind.knob(key) in seen:
            raise PolicyError(f"policy {policy.name!r} has the parameter {key!r} twice")
        seen.add(kind.knob(key))
    if problem := knobs.together(kind.knobs, policy.given):
        raise PolicyError(f"policy {policy.name!r}: {problem}")


def _parameter(policy: str, text: str) -> tuple[str, float]:
    key, _, value = (part.strip() for part in text.partition("="))
    kind = POLICIES[policy]
    knob = kind.knob(key)
    if knob is None:
        names = ", ".join(knob.name for knob in kind.knobs) or "none"
        raise PolicyError(f"policy {policy!r} has no parameter {key!r}; it has {names}")
    try:
        number = float(value)
    except ValueError as error:
        raise PolicyError(f"policy {policy!r}: {key} must be a number, got {value!r}") from error
    if problem := knob.refusal(number):
        raise PolicyError(f"policy {policy!r}: {key} {problem}, got {value}{knob.why and f' ({knob.why})'}")
    return key, number


POLICIES: Mapping[str, Kind] = {
    POOLKEEPER: Kind(Poolkeeper),
    "keda": Kind(Keda, knobs.KEDA),
    "keda-http": Kind(KedaHttp, knobs.KEDA_HTTP),
    "knative": Kind(Knative, knobs.KNATIVE),
    "hpa": Kind(Hpa, knobs.HPA),
    "kubeai": Kind(KubeAI, knobs.KUBEAI),
    "wva": Kind(Wva, knobs.WVA),
    "keepalive": Kind(Keepalive, knobs.KEEPALIVE),
    ALWAYS_ON: Kind(AlwaysOn),
    "fixed": Kind(FixedIdle, knobs.FIXED),
    "static": Kind(Static, knobs.STATIC),
    "ski-rental": Kind(SkiRental),
    "hybrid-histogram": Kind(HybridHistogram, knobs.HYBRID_HISTOGRAM),
    OPTIMUM: Kind(AlwaysOn),
    INFORMED: Kind(AlwaysOn, knobs.FRONTIER),
    HINDSIGHT: Kind(AlwaysOn, knobs.FRONTIER),
    **{name: Kind(AlwaysOn, knobs.FRONTIER) for name in TUNED},
}
