"""Who answers a Service: its pods, or the activators that hold requests while there are none.

Down: the activators join the Service's endpoints → this settles, they forward what reaches them → they are
told to hold, and say that they do → nothing is in flight, seen after that → the pool may stop. Up: replicas
are ready → held requests are let go → they leave the endpoints. All of it shows in the endpoints themselves,
so a controller that starts anew only has to let them settle once more.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

SETTLE_SECONDS = 5.0
"""How long new endpoints take to reach every node: a second by kube-proxy, more in large clusters."""

RELEASE_SECONDS = 30.0
"""How long the activators stay in the path, once replicas are ready, for the sake of requests still held."""


class Phase(StrEnum):
    """Where the switch stands."""

    DIRECT = "Direct"
    JOINING = "Joining"
    SETTLING = "Settling"
    GUARDED = "Guarded"
    LEAVING = "Leaving"


@dataclass(frozen=True, slots=True)
class Switch:
    """The phase and the instant at which it began.

    Once guarded: `hold_version` is the number of the first table that tells the activators to hold,
    `holding_since` when all of them had said that they go by it, None while any has not.
    """

    phase: Phase
    since: float
    hold_version: int = 0
    holding_since: float | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one pool at one instant."""

    wants_zero: bool
    """Whether the last replicas should stop, or have stopped."""
    ready: int
    """Ready replicas."""
    is_in_place: bool
    """Whether the activators, at least one of them ready, are endpoints of the pool's Service."""
    idle_seen_at: float | None
    """When the last reading began that saw nothing wait and nothing in flight; None where something does, or
    where that is unknown."""
    held: int | None
    """Requests that wait at activators; None if unknown."""
    table_version: int
    """Version of the table that this step makes."""
    confirmed: int | None
    """The oldest of our tables that an activator reports to use: 0 where one uses none of ours, None where no
    activator reports."""


@dataclass(frozen=True, slots=True)
class Step:
    """What follows: whether the activators are to be endpoints, whether clients shall connect anew to the
    pods, and whether the last replicas may be stopped. `review_at` is when time alone changes the outcome."""

    wants_activators: bool
    redirects_to_pods: bool
    may_stop: bool
    message: str
    review_at: float | None = None


def initial_switch(now: float, *, has_slices: bool) -> Switch:
    """The switch of a controller that has just started, or of a pool that is new to it."""
    return Switch(Phase.JOINING if has_slices else Phase.DIRECT, now)


def step(now: float, switch: Switch, facts: Facts) -> tuple[Switch, Step]:
    """The next state of the switch, and what to do about it."""
    switch = _next(now, switch, facts)
    match switch.phase:
        case Phase.DIRECT:
            return switch, Step(False, True, False, "The pods answer the Service.")
        case Phase.LEAVING:
            message = f"Replicas are ready; {facts.held or 0} held requests are let go."
            return switch, Step(True, True, False, message, switch.since + RELEASE_SECONDS)
        case Phase.JOINING:
            return switch, Step(True, False, False, "The activators join the Service's endpoints.")
        case Phase.SETTLING:
            message = "The activators have joined the Service's endpoints; this settles."
            return switch, Step(True, False, False, message, switch.since + SETTLE_SECONDS)
        case Phase.GUARDED:
            return switch, _guarded(switch, facts)


def _next(now: float, switch: Switch, facts: Facts) -> Switch:
    if not facts.wants_zero and facts.ready:
        return _next_up(now, switch, facts)
    match switch.phase:
        case Phase.JOINING if facts.is_in_place:
            return Switch(Phase.SETTLING, now)
        case Phase.SETTLING | Phase.GUARDED if not facts.is_in_place:
            return Switch(Phase.JOINING, now)
        case Phase.SETTLING if now >= switch.since + SETTLE_SECONDS:
            return Switch(Phase.GUARDED, now, hold_version=facts.table_version)
        case Phase.GUARDED:
            return replace(switch, holding_since=_holding_since(now, switch, facts))
        case Phase.DIRECT | Phase.LEAVING:
            return Switch(Phase.JOINING, now)
    return switch


def _next_up(now: float, switch: Switch, facts: Facts) -> Switch:
    match switch.phase:
        case Phase.DIRECT:
            return switch
        case Phase.LEAVING if facts.held == 0 or now >= switch.since + RELEASE_SECONDS:
            return Switch(Phase.DIRECT, now)
        case Phase.LEAVING:
            return switch
    return Switch(Phase.LEAVING, now)


def _holding_since(now: float, switch: Switch, facts: Facts) -> float | None:
    """An activator that still goes by an older table passes on what reaches it, unseen by a reading that
    began before; one that has just joined counts until it has a table too."""
    if facts.confirmed is None or facts.confirmed < switch.hold_version:
        return None
    return now if switch.holding_since is None else switch.holding_since


def _guarded(switch: Switch, facts: Facts) -> Step:
    if not facts.ready:
        return Step(True, False, True, "The activators hold what arrives.")
    if switch.holding_since is None:
        return Step(True, False, False, "The activators are in the path and are told to hold what arrives.")
    if facts.idle_seen_at is None:
        return Step(True, False, False, "The activators are in the path; requests are still being worked on.")
    is_fresh = facts.idle_seen_at >= switch.holding_since
    message = "The activators are in the path and nothing is in flight." if is_fresh else "Looking once more."
    return Step(True, False, is_fresh, message)
