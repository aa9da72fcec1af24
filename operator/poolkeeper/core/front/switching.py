"""Who answers a Service: its pods, or the activators that hold requests while there are no pods.

Down: the activators join the Service's endpoints → the new endpoints settle while the activators forward what
reaches them → a table says to hold, and every activator confirms it → a later reading sees nothing in flight
→ the pool may stop. Up: replicas are ready → those without a readiness probe have accepted a connection →
held requests are released → the activators leave the endpoints.
All of it shows in the endpoints themselves, so a controller that restarts only has to let them settle again.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

SETTLE_SECONDS = 5.0
"""How long new endpoints take to reach every node: about 1 s by kube-proxy, more in large clusters."""

RELEASE_SECONDS = 30.0
"""How long the activators stay in the path for requests they still hold, once replicas are ready."""

PROVE_SECONDS = 600.0
"""How long the activators stay in the path for a ready pod that accepts no connection. Most models load
within that; an activator that can't connect for longer may be kept from the pods by a NetworkPolicy."""


class Phase(StrEnum):
    """Who answers the Service."""

    DIRECT = "Direct"
    """The pods alone."""
    JOINING = "Joining"
    """The pods; the activators become endpoints."""
    SETTLING = "Settling"
    """Both, until every node knows the new endpoints."""
    GUARDED = "Guarded"
    """The activators, which hold what arrives."""
    PROVING = "Proving"
    """Both, until each ready pod without a readiness probe has accepted a connection."""
    LEAVING = "Leaving"
    """Both, until the activators have released what they hold."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Where the hand-over between pods and activators stands."""

    phase: Phase
    """Who answers the Service."""
    since: float
    """When the phase began."""
    hold_version: int = 0
    """Once guarded: version of the first table that says to hold."""
    holding_since: float | None = None
    """Once guarded: when all activators had confirmed such a table; None while any has not."""

    @property
    def redirects_to_pods(self) -> bool:
        """Whether clients of the activators should open new connections, because those lead to the pods."""
        return self.phase in (Phase.DIRECT, Phase.LEAVING)

    @property
    def holds(self) -> bool:
        """Whether activators hold what arrives, also while replicas are ready."""
        return self.phase is Phase.GUARDED


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
    may_join: bool = True
    """Whether there is an activator that may be an endpoint of the pool's Service."""
    unproven: int = 0
    """Ready replicas without a readiness probe that have accepted no connection yet."""


@dataclass(frozen=True, slots=True)
class Step:
    """What follows from a phase."""

    wants_activators: bool
    """Whether the activators should be endpoints."""
    may_stop: bool
    """Whether the last replicas may stop."""
    reason: str
    """What a stop waits for, as a CamelCase word."""
    sentence: str
    """The same for people."""
    review_at: float | None = None
    """When time alone changes the outcome."""


def initial_switch(now: float, *, has_slices: bool) -> Switch:
    """The switch of a controller that has just started, or of a pool that is new to it."""
    return Switch(Phase.JOINING if has_slices else Phase.DIRECT, now)


def step(now: float, switch: Switch, facts: Facts) -> tuple[Switch, Step]:
    """The next state of the switch, and what follows from it."""
    switch = _next(now, switch, facts)
    return switch, _outcome(switch, facts)


def _outcome(switch: Switch, facts: Facts) -> Step:
    match switch.phase:
        case Phase.DIRECT:
            return _step(switch, "the activators are not endpoints of the Service yet")
        case Phase.LEAVING:
            requests = "1 held request" if facts.held == 1 else f"{facts.held or 0} held requests"
            sentence = f"the activators release {requests} to the ready replicas"
            return _step(switch, sentence, review_at=switch.since + RELEASE_SECONDS)
        case Phase.JOINING:
            if not facts.may_join:
                sentence = "no activator that is ready and reports can listen on the port for the Service"
                return _step(switch, sentence, reason="NoActivator")
            return _step(switch, "the activators are being added to the endpoints of the Service")
        case Phase.SETTLING:
            sentence = f"the new endpoints need up to {SETTLE_SECONDS:g} s to reach every node"
            return _step(switch, sentence, review_at=switch.since + SETTLE_SECONDS)
        case Phase.GUARDED:
            return _guarded(switch, facts)
        case Phase.PROVING:
            pods = "1 ready pod" if facts.unproven == 1 else f"{facts.unproven} ready pods"
            sentence = f"{pods} without a readiness probe must accept a connection first"
            return _step(switch, sentence, review_at=switch.since + PROVE_SECONDS)


def _step(switch: Switch, sentence: str, *, reason: str = "", review_at: float | None = None) -> Step:
    return Step(
        wants_activators=switch.phase is not Phase.DIRECT,
        may_stop=False,
        reason=reason or switch.phase,
        sentence=sentence,
        review_at=review_at,
    )


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
            holding_since = _holding_since(now, switch, facts)
            same = holding_since == switch.holding_since
            return switch if same else replace(switch, holding_since=holding_since)
        case Phase.DIRECT | Phase.LEAVING | Phase.PROVING:
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
        case Phase.PROVING if facts.unproven and now < switch.since + PROVE_SECONDS:
            return switch
        case Phase.JOINING | Phase.SETTLING | Phase.GUARDED if facts.unproven:
            return Switch(Phase.PROVING, now)
    return Switch(Phase.LEAVING, now)


def _holding_since(now: float, switch: Switch, facts: Facts) -> float | None:
    """When all activators held: an activator with an older table passes on what reaches it, unseen by a
    reading that began before; one that has just joined counts until it has a table too."""
    if facts.confirmed is None or facts.confirmed < switch.hold_version:
        return None
    return now if switch.holding_since is None else switch.holding_since


def _guarded(switch: Switch, facts: Facts) -> Step:
    if facts.ready:
        if switch.holding_since is None:
            sentence = "not every activator has confirmed that it holds new requests"
            return _step(switch, sentence, reason="Holding")
        if facts.idle_seen_at is None:
            return _step(switch, "requests wait or are in flight, or demand is unknown", reason="InFlight")
        if facts.idle_seen_at < switch.holding_since:
            return _step(
                switch, "the next reading of demand must show that nothing is in flight", reason="Confirming"
            )
    return replace(_step(switch, "the activators hold new requests"), may_stop=True)
