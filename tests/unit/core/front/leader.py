"""A leader that takes turns, with activators and an API server that do as they should."""

from typing import Any

from poolkeeper.api.activation import PoolRoute
from poolkeeper.core.front.presence import Endpoints, Presence
from poolkeeper.core.front.seen import Seen
from poolkeeper.core.front.slices import ActivatorSlice, SliceName, by_name
from poolkeeper.core.front.switching import SETTLE_SECONDS, Phase
from poolkeeper.core.front.turn import Front, Turn, turn
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.observation import CLEAR, Waiting
from tests.unit.core.front.builders import (
    CHAT,
    seen,
    seen_activator,
    seen_pool,
)

OTHER = PoolKey("ns", "other")
START = 1_000_000.0


class Leader:
    """Takes turns; its activators take and confirm each table, and its slices are written at once."""

    def __init__(self) -> None:
        self.now = START
        self.last = Turn(Front())
        self.slices: dict[SliceName, ActivatorSlice] = {}
        self.versions: dict[int, int] = {}
        self.writes = 0

    def see(self, *, activators: tuple[int, ...] = (1,), seconds: float = 0.0, **changes: Any) -> Turn:
        """One turn, `seconds` later, of a pool with these changes."""
        self.now += seconds
        listening = [seen_activator(each, version=self.versions.get(each, 0)) for each in activators]
        pool = seen_pool(slice_writes=self.writes, **changes)
        return self.take(seen(*listening, pool=pool, slices=dict(self.slices)))

    def take(self, facts: Seen) -> Turn:
        """One turn of these facts."""
        self.last = turn(self.now, self.last.front, facts)
        for uid, table in self.last.tables.items():
            self.versions[int(uid.rpartition("-")[2])] = table.table_version
        wanted = self.last.endpoints.get(CHAT, Endpoints(Presence.STAY))
        if wanted.presence is Presence.JOIN and self.slices != by_name(wanted.slices):
            self.slices, self.writes = by_name(wanted.slices), self.writes + 1
        return self.last

    def guarded(self) -> Turn:
        """The activators answer for the pool `chat`, and its replica may stop."""
        for _ in range(round(SETTLE_SECONDS) + 6):
            self.see(seconds=1.0, idle_seen_at=self.now + 1.0)
        assert self.last.stop[CHAT] == CLEAR
        return self.last

    @property
    def reason(self) -> str:
        """What the stop of the pool `chat` waits for; empty where it may stop."""
        stop = self.last.stop[CHAT]
        return stop.reason if isinstance(stop, Waiting) else ""

    @property
    def phase(self) -> Phase | None:
        """Who answers for the pool `chat`."""
        switch = self.last.front.pools[CHAT].switch
        return switch.phase if switch else None


def routes(made: Turn, activator: int = 1) -> dict[str, PoolRoute]:
    """What an activator is sent, by pool; nothing where it is sent no table."""
    table = made.tables.get(f"activator-{activator}")
    return {route.name: route for route in table.pools} if table else {}


def slots(made: Turn, activator: int = 1) -> dict[str, int]:
    """Slots of the pool `chat` by replica, as an activator is sent them."""
    return {each.address: each.slots for each in routes(made, activator)["chat"].replicas}
