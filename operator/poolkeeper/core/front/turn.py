"""One turn of the front: who answers each Service, what each activator is sent, and which pools may stop.

In: what was remembered (`Front`) and what is seen (`Seen`). Out: the next memory, and what follows as values;
two lanes of `controller.front` act on them. A turn is for all pools at once, because three of its rules span
them: which of several pools has a Service, which ports are taken, and the one version of a table that lists
every pool. What concerns a single pool is in `switching`, `presence` and `_turn_pool`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from poolkeeper.api.activation import RoutingTable
from poolkeeper.core.front import claims
from poolkeeper.core.front.presence import (
    Endpoints,
    Joining,
    Presence,
    endpoints_of,
    joining,
    wanted_slices,
)
from poolkeeper.core.front.routing import (
    PoolRoutes,
    SentTables,
    confirmed_version,
    highest_version,
    pool_routes,
    route_facts,
)
from poolkeeper.core.front.seen import Seen, SeenPool, unproven
from poolkeeper.core.front.slices import ActivatorSlice, SliceName, by_name, by_pool
from poolkeeper.core.front.switching import Facts, Step, Switch, initial_switch, step
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.observation import CLEAR, NOT_SEEN_YET, Stop, Waiting


@dataclass(frozen=True, slots=True)
class PoolFront:
    """What is remembered of one pool from turn to turn."""

    identity: tuple[str, str, int]
    """Uid of the pool, its Service and port: where one of them changes, the pool starts as a new one."""
    listen_port: int = 0
    """The activators' port for the Service's port; 0 until it was chosen."""
    switch: Switch | None = None
    """Who answers the Service; None until this replica leads and has read the slices."""
    owner: PoolKey | None = None
    """An older pool with the same Service, which alone has its requests held."""
    slice_writes: int = 0
    """How many slices had been written when the pool was seen last."""
    stop: Stop = NOT_SEEN_YET
    """Whether the last replicas may stop."""


@dataclass(frozen=True, slots=True)
class Front:
    """What is remembered from turn to turn; the first turn gets an empty one."""

    pools: Mapping[PoolKey, PoolFront] = field(default_factory=dict)
    """By pool with an http source."""
    sent: Mapping[str, SentTables] = field(default_factory=dict)
    """Tables by the activator's uid."""
    routes: Mapping[PoolKey, PoolRoutes] = field(default_factory=dict)
    """Routes by pool, as they were made last."""
    table_version: int = 0
    """Version of the latest tables."""
    has_sent_tables: bool = False
    """Whether this leader has sent tables."""
    led_since: float | None = None
    """When this replica of the operator began to lead; None while it does not."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What follows from one turn."""

    front: Front
    """The memory for the next turn."""
    tables: Mapping[str, RoutingTable] = field(default_factory=dict)
    """Tables that are due, by the activator's uid."""
    endpoints: Mapping[PoolKey, Endpoints] = field(default_factory=dict)
    """What the EndpointSlices of every pool should be; none while this replica does not lead."""
    review_at: float | None = None
    """When time alone changes the outcome."""

    @property
    def stop(self) -> Mapping[PoolKey, Stop]:
        """Whether the last replicas may stop, by pool."""
        return {key: pool.stop for key, pool in self.front.pools.items()}


def turn(now: float, front: Front, seen: Seen) -> Turn:
    """The next turn; `now` is in Unix seconds. Pure: the same arguments give the same result."""
    pools = _known_pools(front, seen)
    if not seen.is_leading:
        return Turn(_resigned(now, replace(front, pools=pools), seen))
    led_since = now if front.led_since is None else front.led_since
    sent = {
        each.uid: front.sent.get(each.uid, SentTables()).heard(now, led_since, each)
        for each in seen.activators
    }
    front = replace(front, pools=pools, sent=sent, led_since=led_since)
    if seen.slices is None:
        unread = "the EndpointSlices of the activators have not been read yet"
        waiting = {
            key: replace(pools[key], stop=_waits(now, pools[key], pool, "EndpointsUnread", unread))
            for key, pool in seen.pools.items()
        }
        return Turn(replace(front, pools=waiting))
    return _lead(now, front, seen, by_pool(seen.slices))


def _lead(
    now: float, front: Front, seen: Seen, slices: Mapping[PoolKey, Mapping[SliceName, ActivatorSlice]]
) -> Turn:
    # Above every version in use: a leader before this one may have had a clock that is ahead.
    lowest = max(front.table_version, highest_version(seen.activators)) + 1
    version = max(lowest, int(now * 1000))
    confirmed = confirmed_version(seen.activators, front.sent)
    pools = dict(_with_ports(front.pools, seen))
    endpoints = {key: Endpoints(Presence.LEAVE) for key in seen.other_pools}
    reviews: list[float] = []
    may_join = joining(seen.activators)
    for key, pool in seen.pools.items():
        ours = slices.get(key, {})
        made = _turn_pool(now, pools[key], _View(key, pool, seen, may_join, ours, version, confirmed))
        pools[key], endpoints[key] = made.front, made.endpoints
        if made.review_at is not None:
            reviews.append(made.review_at)
    front = replace(front, pools=pools, table_version=version)
    front, tables = _make_tables(now, front, seen)
    return Turn(front, tables, endpoints, min(reviews, default=None))


def _known_pools(front: Front, seen: Seen) -> dict[PoolKey, PoolFront]:
    owners = claims.owners(seen.pools)
    known: dict[PoolKey, PoolFront] = {}
    for key, pool in seen.pools.items():
        before, identity = front.pools.get(key), (pool.uid, pool.http.service, pool.http.port)
        if before is None or before.identity != identity:
            before = PoolFront(identity, slice_writes=pool.slice_writes)
        owner = owners.get(key)
        known[key] = before if before.owner == owner else replace(before, owner=owner)
    return known


def _resigned(now: float, front: Front, seen: Seen) -> Front:
    """Another replica of the operator sends tables and writes slices from now on; ports stay."""
    sentence = "this pod of the operator is not the leader"
    return Front(
        pools={
            key: replace(
                front.pools[key],
                switch=None,
                stop=_waits(now, front.pools[key], pool, "NotLeading", sentence),
            )
            for key, pool in seen.pools.items()
        },
        sent={uid: each.forgotten() for uid, each in front.sent.items()},
        table_version=front.table_version,
    )


def _with_ports(pools: Mapping[PoolKey, PoolFront], seen: Seen) -> Mapping[PoolKey, PoolFront]:
    """Once the slices are known every pool has a port, whether or not its Service can be read."""
    if all(pool.listen_port for pool in pools.values()):
        return pools
    taken = {pool.listen_port for pool in pools.values()}
    found: dict[PoolKey, PoolFront] = {}
    for key, pool in pools.items():
        if not pool.listen_port:
            _, service, port = pool.identity
            slices = (seen.slices or {}).values()
            pool = replace(pool, listen_port=claims.choose_port(key, (service, port), slices, taken))
            taken.add(pool.listen_port)
        found[key] = pool
    return found


@dataclass(frozen=True, slots=True)
class _View:
    """What one pool's part of a turn looks at."""

    key: PoolKey
    pool: SeenPool
    seen: Seen
    may_join: tuple[Joining, ...]
    ours: Mapping[SliceName, ActivatorSlice]
    table_version: int
    confirmed: int | None


@dataclass(frozen=True, slots=True)
class _PoolTurn:
    front: PoolFront
    endpoints: Endpoints
    review_at: float | None = None


def _turn_pool(now: float, front: PoolFront, view: _View) -> _PoolTurn:
    pool = view.pool
    if front.owner is not None:
        sentence = f"pool {front.owner.name} names the same Service and is older"
        stop = _waits(now, front, pool, "ServiceShared", sentence)
        return _PoolTurn(_after(front, None, stop, front.slice_writes), Endpoints(Presence.LEAVE))
    wanted = wanted_slices(view.key, pool, front.listen_port, view.may_join)
    if pool.service is None or not pool.is_readable:
        what = (
            "the spec of the pool can't be read" if not pool.is_readable else "the Service has not been read"
        )
        # Activators come and go meanwhile, but who is in the path stays there.
        stop = _waits(now, front, pool, "ServiceUnknown", what)
        waiting = _after(front, front.switch, stop, front.slice_writes)
        return _PoolTurn(waiting, Endpoints(Presence.STAY, pool.http.service, wanted))
    was_rewritten = front.slice_writes != pool.slice_writes
    is_in_place = not was_rewritten and _are_in_place(view, wanted)
    facts = _facts(view, may_join=bool(wanted), is_in_place=is_in_place)
    switch, made = step(now, front.switch or initial_switch(now, has_slices=bool(view.ours)), facts)
    review_at = now if was_rewritten else made.review_at
    front = _after(front, switch, _stop(now, front, pool, made), pool.slice_writes)
    return _PoolTurn(front, endpoints_of(pool, made, wanted), review_at)


def _after(front: PoolFront, switch: Switch | None, stop: Stop, slice_writes: int) -> PoolFront:
    """The same object where nothing changes, as for most pools at most turns: that saves half of the time."""
    if (front.switch, front.stop, front.slice_writes) == (switch, stop, slice_writes):
        return front
    return replace(front, switch=switch, stop=stop, slice_writes=slice_writes)


def _facts(view: _View, *, may_join: bool, is_in_place: bool) -> Facts:
    reports = [each.pools[view.key] for each in view.seen.activators if view.key in each.pools]
    return Facts(
        wants_zero=view.pool.wants_zero,
        ready=len(view.pool.ready),
        may_join=may_join,
        is_in_place=is_in_place,
        idle_seen_at=view.pool.idle_seen_at,
        held=sum(entry.requests for report in reports for entry in report.waiting),
        table_version=view.table_version,
        confirmed=view.confirmed,
        unproven=len(unproven(view.pool, reports)),
    )


def _are_in_place(view: _View, wanted: tuple[ActivatorSlice, ...]) -> bool:
    """Whether clients are led to all activators, as far as that was read lately."""
    if not wanted or not view.ours or not view.seen.are_slices_recent:
        return False
    return all(view.ours.get(name) == each for name, each in by_name(wanted).items())


def _stop(now: float, front: PoolFront, pool: SeenPool, made: Step) -> Stop:
    if pool.takes_part is False:
        sentence = "this pool must not write the replicas of its target, so no activator joins its Service"
        return _waits(now, front, pool, "NotWriting", sentence)
    if made.may_stop:
        return CLEAR
    return _waits(now, front, pool, made.reason, made.sentence)


def _waits(now: float, front: PoolFront, pool: SeenPool, reason: str, sentence: str) -> Waiting:
    """A stop that waits; nothing waits before the pool should be at zero."""
    before = front.stop
    began = before.since if isinstance(before, Waiting) and before.reason == reason else None
    since = (now if began is None else began) if pool.wants_zero else None
    return Waiting(reason, sentence, since)


def _make_tables(now: float, front: Front, seen: Seen) -> tuple[Front, dict[str, RoutingTable]]:
    """No table before every Service was read or can't be: until then activators use their last table, since
    one from here would name no replica."""
    is_ready = front.has_sent_tables or all(
        pool.was_service_asked or front.pools[key].owner for key, pool in seen.pools.items()
    )
    if not is_ready:
        return front, {}
    slices = (seen.slices or {}).values()
    unread = claims.routes_by_slices(each for each in slices if each.pool in seen.unread_pools)
    routes = _routes(front, seen)
    tables: dict[str, RoutingTable] = {}
    sent = dict(front.sent)
    for each in seen.activators:
        if each.report is None:
            continue
        mine = (*(routes[key].by_activator[each.uid] for key in sorted(routes)), *unread)
        if sent[each.uid].is_due(now, mine):
            tables[each.uid] = RoutingTable(table_version=front.table_version, pools=mine)
            sent[each.uid] = sent[each.uid].with_table(now, tables[each.uid], each.unsent_version)
    return replace(front, sent=sent, routes=routes, has_sent_tables=True), tables


def _routes(front: Front, seen: Seen) -> Mapping[PoolKey, PoolRoutes]:
    """Every pool's routes: those made last where they are the same."""
    routes: dict[PoolKey, PoolRoutes] = {}
    for key, pool in seen.pools.items():
        known, before = front.pools[key], front.routes.get(key)
        if known.listen_port:
            facts = route_facts(key, pool, known.listen_port, known.switch, seen.activators, front.sent)
            routes[key] = before if before and before.facts == facts else pool_routes(key, facts)
    return routes
