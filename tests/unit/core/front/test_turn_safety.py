"""Whatever happens to activators, tables, slices and leaders: no stop while a request may be passed on, no
more slots than a replica has, and no caller is sent to a pod that nobody has seen accept a connection."""

import math
from dataclasses import dataclass, field, replace
from itertools import count

from hypothesis import example, given, settings
from hypothesis import strategies as st

from poolkeeper.api.activation import RoutingTable
from poolkeeper.core.front.presence import Presence
from poolkeeper.core.front.seen import SeenActivator, SeenPool
from poolkeeper.core.front.slices import ActivatorSlice, SliceName, by_name
from poolkeeper.core.front.switching import PROVE_SECONDS, SETTLE_SECONDS, Phase
from poolkeeper.core.front.turn import Front, Turn, turn
from poolkeeper.core.values.observation import CLEAR
from tests.unit.core.front.builders import (
    CHAT,
    POD,
    UNPROBED,
    pool_report,
    seen,
    seen_activator,
    seen_pool,
)

CONCURRENCY = 8
VALID_SECONDS = 30.0
"""How long an activator believes a table."""
SPOKE_LATELY_SECONDS = 30.0
"""How long a silent activator makes demand unknown after it reported last."""


@dataclass
class Activator:
    """One pod of the activators; `process` counts its restarts."""

    number: int
    process: int = 1
    takes_new: bool = True
    is_silent: bool = False
    waiting: int = 0
    table: RoutingTable | None = None
    arrived_at: float = -math.inf
    under_way: list[RoutingTable] = field(default_factory=list)
    reported: int | None = None
    reported_at: float = -math.inf
    accepting: tuple[str, ...] = ()

    @property
    def uid(self) -> str:
        return f"activator-{self.number}"

    def deliver(self, now: float) -> None:
        """The next table arrives; an older one is refused."""
        table = self.under_way.pop(0) if self.under_way else None
        if table and (self.table is None or table.table_version >= self.table.table_version):
            self.table, self.arrived_at = table, now

    def slots(self, now: float) -> int:
        """Requests that it may pass on by the table in force."""
        is_believed = self.table is not None and now - self.arrived_at < VALID_SECONDS
        return _slots(self.table) if self.table and is_believed else 0

    def most_slots(self, now: float) -> int:
        """The most that it may pass on by a table in force or on its way."""
        return max([self.slots(now), *(_slots(table) for table in self.under_way)])

    def report(self, now: float, *, listens: bool = True) -> None:
        """It reports the table in force, and whether the pod accepts connections; a silent one does not."""
        names_pod = self.table is not None and any(route.unprobed for route in self.table.pools)
        self.accepting = (POD.address,) if names_pod and listens else ()
        self.reported = None if self.is_silent else (self.table.table_version if self.table else 0)
        self.reported_at = self.reported_at if self.is_silent else now

    def fall_silent(self, now: float) -> None:
        """It reports nothing more, or again."""
        self.is_silent = not self.is_silent
        self.report(now)

    def restart(self) -> None:
        """The process ends and begins again without a table."""
        self.process += 1
        self.table, self.under_way, self.reported = None, [], None

    def as_seen(self) -> SeenActivator:
        return seen_activator(
            self.number,
            version=self.reported or 0,
            process=str(self.process),
            is_silent=self.reported is None,
            takes_new=self.takes_new,
            pools=(pool_report(waiting=self.waiting, accepting=self.accepting),),
        )


def _slots(table: RoutingTable) -> int:
    return sum(replica.slots for route in table.pools for replica in route.replicas)


class World:
    """Two replicas of the operator, their activators, and the slices in the API server."""

    def __init__(self, *, wants_zero: bool, is_probed: bool = True) -> None:
        self.now = 1_000_000.0
        self.is_probed = self.listens = is_probed
        self.phase: Phase | None = None
        self.began_proving_at = math.inf
        self.may_idle = self.wants_zero = wants_zero
        self.numbers = count(1)
        self.activators = [Activator(next(self.numbers)) for _ in range(2)]
        self.slices: dict[SliceName, ActivatorSlice] = {}
        self.known: dict[SliceName, ActivatorSlice] | None = None
        self.listed_at = -math.inf
        self.writes = 0
        self.idle_seen_at: float | None = None
        self.is_leading = True
        self.fronts = [Front(), Front()]
        self.leader = 0
        self.placed_since: float | None = None
        self.last = Turn(Front())
        self.passed_on_at = -math.inf
        self.clear_stops = 0

    def act(self, what: str, which: int) -> None:
        """One thing happens."""
        match what:
            case "second":
                for _ in range(which + 1):
                    self.second()
            case "demand":
                self.wants_zero = self.may_idle and not self.wants_zero
            case "time":
                self.now += 7.0 * (which + 1)
            case "slice is deleted":
                self.slices.clear()
            case "nobody leads":
                self.is_leading = not self.is_leading
            case "activator joins":
                self.activators.append(Activator(next(self.numbers)))
            case "turn" | "read" | "list_slices" | "change_leader" | "listen":
                getattr(self, what)()
            case _ if self.activators:
                self.act_on(self.activators[which % len(self.activators)], what)

    def act_on(self, activator: Activator, what: str) -> None:
        """One thing happens to one activator."""
        self.note_passing()
        match what:
            case "deliver":
                activator.deliver(self.now)
            case "lose":
                activator.under_way = activator.under_way[1:]
            case "report":
                activator.report(self.now, listens=self.listens)
            case "silence":
                activator.fall_silent(self.now)
            case "takes no tables":
                for _ in range(9):
                    self.second(cut_off=activator)
            case "restart":
                activator.restart()
            case "drain":
                activator.takes_new = False
            case "requests wait":
                activator.waiting += 5
            case _:
                self.activators.remove(activator)

    def second(self, *, cut_off: Activator | None = None) -> None:
        """All goes as it should for a second, but for an activator that takes no tables."""
        self.now += 0.5
        self.read()
        self.now += 0.5
        for each in self.activators:
            if not each.is_silent and each is not cut_off:
                while each.under_way:
                    each.deliver(self.now)
            each.report(self.now, listens=self.listens)
        if self.known is None or self.now - self.listed_at >= 10.0:
            self.list_slices()
        self.turn()

    def read(self) -> None:
        """A reading, as `sources.http` takes it: what a silent activator holds is not known."""
        self.note_passing()
        hides = any(
            each.reported is None and (each.takes_new or self.now - each.reported_at < SPOKE_LATELY_SECONDS)
            for each in self.activators
        )
        self.idle_seen_at = None if hides or not self.activators else self.now

    def note_passing(self) -> None:
        """Remember when an activator could pass on a request."""
        if any(each.slots(self.now) for each in self.activators):
            self.passed_on_at = self.now

    def list_slices(self) -> None:
        """The slow lane lists the slices, and writes again what is missing before any turn sees it."""
        if not self.slices:
            self.placed_since = None
        self.known, self.listed_at = dict(self.slices), self.now
        self.apply(self.last)

    def listen(self) -> None:
        """The model begins to listen, or no longer does."""
        self.listens = self.is_probed or not self.listens

    def change_leader(self) -> None:
        """The other replica leads; what the first had on its way is lost."""
        self.fronts[self.leader] = turn(self.now, self.fronts[self.leader], seen(is_leading=False)).front
        self.leader = 1 - self.leader
        self.known, self.last = None, Turn(Front())
        for each in self.activators:
            each.under_way = []

    def pool(self) -> SeenPool:
        return seen_pool(
            concurrency=CONCURRENCY,
            wants_zero=self.wants_zero,
            idle_seen_at=self.idle_seen_at,
            slice_writes=self.writes,
            ready=(POD if self.is_probed else UNPROBED,),
        )

    def turn(self) -> None:
        """The leader takes a turn, acts on it, and its promises are checked."""
        facts = seen(
            *(each.as_seen() for each in self.activators),
            pool=self.pool(),
            slices=self.known,
            is_leading=self.is_leading,
            are_slices_recent=self.now - self.listed_at <= 30.0,
        )
        made = turn(self.now, self.fronts[self.leader], facts)
        afresh = turn(self.now, replace(self.fronts[self.leader], routes={}), facts)
        assert made.tables == afresh.tables, "a route that was kept is out of date"
        self.last, self.fronts[self.leader] = made, made.front
        self.check_stop(made)
        self.check_proof(made)
        for each in self.activators:
            if each.uid in made.tables:
                each.under_way.append(made.tables[each.uid])
        self.apply(made)
        self.check_slots()

    def apply(self, made: Turn) -> None:
        """The slow lane writes what the turn wants."""
        wanted = made.endpoints.get(CHAT)
        if self.known is None or wanted is None or wanted.presence is Presence.STAY:
            return
        slices = by_name(wanted.slices) if wanted.presence is Presence.JOIN else {}
        if self.known != slices:
            self.writes += bool(slices)
            self.slices, self.known = dict(slices), dict(slices)

    def check_stop(self, made: Turn) -> None:
        """The last replica may only stop while no activator passes on what reaches it."""
        joining = {each.as_seen().addresses[0] for each in self.activators if each.as_seen().may_join}
        placed = {address for each in (self.known or {}).values() for address in each.addresses}
        is_placed = self.is_leading and bool(joining) and joining == placed
        self.placed_since = (self.placed_since or self.now) if is_placed else None
        if made.stop[CHAT] != CLEAR:
            return
        self.clear_stops += 1
        assert self.is_leading
        assert self.wants_zero
        assert self.placed_since is not None, "an activator that takes new requests is no endpoint"
        assert self.now - self.placed_since >= SETTLE_SECONDS, "some nodes still lead to the pod"
        passing = [each.uid for each in self.activators if each.slots(self.now)]
        assert not passing, "these may still pass on what reaches them"
        assert self.idle_seen_at is not None
        assert self.idle_seen_at > self.passed_on_at, "the reading may have missed what was passed on"
        assert self.idle_seen_at >= self.placed_since + SETTLE_SECONDS

    def check_proof(self, made: Turn) -> None:
        """The activators only begin to leave once one of them has seen the pod accept a connection."""
        switch = made.front.pools[CHAT].switch
        before, self.phase = self.phase, switch.phase if switch else None
        if self.phase is Phase.PROVING and before is not Phase.PROVING:
            self.began_proving_at = self.now
        if self.phase is not Phase.LEAVING or before is Phase.LEAVING:
            return
        reporting = [each for each in self.activators if each.reported is not None]
        is_given_up = before is Phase.PROVING and self.now - self.began_proving_at >= PROVE_SECONDS
        is_proven = self.is_probed or any(each.accepting for each in reporting)
        assert is_proven or is_given_up or not reporting, "the pod would refuse every caller"

    def check_slots(self) -> None:
        """All activators together never give the replica more than it takes.

        Not counted: one that is being deleted and silent, which a new leader takes for a pod that has not
        begun yet.
        """
        counted = [each for each in self.activators if each.takes_new or not each.is_silent]
        assert sum(each.most_slots(self.now) for each in counted) <= CONCURRENCY


ACTS = (
    *("second",) * 4,
    *("turn", "read", "list_slices", "deliver", "report", "time", "lose", "requests wait"),
    *("silence", "restart", "drain", "end", "activator joins", "takes no tables", "demand"),
    *("slice is deleted", "change_leader", "nobody leads", "listen"),
)
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 2)), max_size=40)
SETTLED = [("second", 2)] * 4


def live(world: World, steps: list[tuple[str, int]]) -> World:
    """The steps, one after another."""
    for what, which in steps:
        world.act(what, which)
    return world


def test_without_faults_the_last_replica_may_stop() -> None:
    assert live(World(wants_zero=True), SETTLED).clear_stops


@settings(max_examples=300, deadline=None)
@given(STEPS)
@example([("silence", 0), *SETTLED])
def test_no_stop_while_an_activator_may_pass_on_what_reaches_it(steps: list[tuple[str, int]]) -> None:
    live(World(wants_zero=True), [*SETTLED, *steps, *SETTLED])


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_a_stop_needs_no_help_once_all_goes_well_again(steps: list[tuple[str, int]]) -> None:
    world = live(World(wants_zero=True), [*SETTLED, *steps, ("activator joins", 0)])
    world.is_leading = world.wants_zero = True
    for each in world.activators:
        each.is_silent = False
    for _ in range(round(VALID_SECONDS + SETTLE_SECONDS) + 20):
        world.second()
    assert world.last.stop[CHAT] == CLEAR


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_tables_never_grant_more_slots_than_the_replica_has(steps: list[tuple[str, int]]) -> None:
    world = live(World(wants_zero=False), [*SETTLED, *steps])
    assert world.clear_stops == 0


@settings(max_examples=200, deadline=None)
@given(STEPS)
@example([("demand", 0), ("listen", 0), *SETTLED])
def test_no_caller_is_sent_to_a_pod_that_nobody_has_seen_accept_a_connection(
    steps: list[tuple[str, int]],
) -> None:
    live(World(wants_zero=True, is_probed=False), [*SETTLED, *steps, *SETTLED])


def test_once_the_model_listens_the_pods_answer_alone() -> None:
    loading = [*SETTLED, ("demand", 0), *SETTLED]
    for steps, phase in ((loading, Phase.PROVING), ([*loading, ("listen", 0), *SETTLED], Phase.DIRECT)):
        assert live(World(wants_zero=True, is_probed=False), steps).phase is phase
