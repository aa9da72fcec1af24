"""KEDA's and Knative's defaults on the requests that a real pool sees, as they come."""

from collections.abc import Iterable
from typing import NamedTuple

from poolkeeper.core.baselines.controller import Controller
from poolkeeper.core.baselines.keda import Keda, KedaHttp
from poolkeeper.core.baselines.knative import Knative
from poolkeeper.core.baselines.virtual_pool import Usual, VirtualPool

PHASE = 0.5
"""Where in their periods the clocks of the models begin: in the middle, as they would on average."""
UTILIZATION = 0.7
"""Knative's default `container-concurrency-target-percentage`."""
BURST = 211.0
"""Knative's default `target-burst-capacity`."""


class Bounds(NamedTuple):
    """What the pool declares."""

    floor: int
    ceiling: int
    concurrency: int
    is_held: bool
    """Whether clients wait on connections, so that KEDA's HTTP add-on is the one to compare with."""
    drains: bool
    """Whether replicas finish their work, so that the trigger may count what is in flight."""


class Counted(NamedTuple):
    """What one source shows of its requests."""

    source: str
    arrived: int
    """Requests that came since the source was first read."""
    present: int
    """Requests that wait or are in flight."""


class Paid(NamedTuple):
    """Replica-seconds that the models have paid since the last look, and until when."""

    keda: float
    knative: float
    until: float


class Comparison:
    """The models beside one pool. While the pool has no requests they cost nothing: none exist."""

    __slots__ = ("_arrived", "_began_at", "_bounds", "_pools", "at")

    def __init__(self, now: float) -> None:
        self._arrived: tuple[Counted, ...] = ()
        self._bounds: Bounds | None = None
        self._pools: tuple[VirtualPool, ...] = ()
        self._began_at = now
        self.at = now
        """When the models were last followed."""

    def follow(self, now: float, bounds: Bounds, usual: Usual, counted: Iterable[Counted]) -> Paid | None:
        """Let the models see what has come by now; what they have paid since the last call, None for nothing.

        What a source has when it is first read came before, and is offered then.
        """
        arrived = self._come(tuple(counted))
        if bounds != self._bounds or (arrived and not self._pools):
            self._begin(now, bounds, is_needed=bool(arrived or bounds.floor))
        if now < self.at:
            return None
        self.at = now
        if not self._pools:
            return None
        before_seconds = [each.paid for each in self._pools]
        for each in self._pools:
            each.offer(now - self._began_at, arrived, usual)
        keda, knative = (each.paid - before for each, before in zip(self._pools, before_seconds, strict=True))
        until = self._began_at + max(each.paid_until for each in self._pools)
        if not bounds.floor and all(each.is_at_rest for each in self._pools):
            self._pools = ()
        return Paid(keda, knative, min(until, now)) if keda or knative else None

    def _come(self, counted: tuple[Counted, ...]) -> int:
        """How many requests have come since the last call. A source that is not known now is remembered."""
        if counted == self._arrived:
            return 0
        known = {each.source: each for each in self._arrived}
        arrived = 0
        for each in counted:
            before = known.get(each.source)
            is_new = before is None or each.arrived < before.arrived
            arrived += each.present if before is None or is_new else each.arrived - before.arrived
            known[each.source] = each
        self._arrived = tuple(known.values())
        return arrived

    def _begin(self, now: float, bounds: Bounds, *, is_needed: bool) -> None:
        self._bounds, self._began_at = bounds, now
        models = (_keda(bounds), _knative(bounds)) if is_needed else ()
        self._pools = tuple(VirtualPool(each, bounds.floor, bounds.ceiling) for each in models)


def _keda(bounds: Bounds) -> Controller:
    made = KedaHttp if bounds.is_held else Keda
    return made(
        target=bounds.concurrency,
        floor=bounds.floor,
        ceiling=bounds.ceiling,
        polling=30.0,
        cooldown=300.0,
        phase=PHASE,
        counts_in_flight=bounds.is_held or bounds.drains,
    )


def _knative(bounds: Bounds) -> Controller:
    capacity = bounds.concurrency
    target = UTILIZATION * capacity
    return Knative(target=target, capacity=capacity, burst=BURST, window=60.0, grace=30.0, phase=PHASE)
