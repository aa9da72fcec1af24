"""What each activator is sent: routes with slots, and which tables it was sent so far."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from poolkeeper.api.activation import PoolRoute, PortRoute, Replica, RoutingTable
from poolkeeper.api.demand import Http
from poolkeeper.core.front.seen import SeenActivator, SeenPool, SeenService
from poolkeeper.core.front.slot_grants import Holder, SlotGrants, share
from poolkeeper.core.front.switching import Switch
from poolkeeper.core.values.identity import PoolKey

RESEND_SECONDS = 8.0
"""How often an unchanged table is sent again: an activator believes a table for 30 s."""
FOREIGN_TABLE_SECONDS = 35.0
"""How long an activator may use a table of another controller: a table is valid for 30 s from its arrival."""
NEW_POD_PATIENCE_SECONDS = 3.0
"""How long a new leader waits for silent activators that take no new requests: most are pods that have not
begun yet."""
LONG_AGO = float("-inf")


@dataclass(frozen=True, slots=True)
class SentTables:
    """What one activator was sent by this leader, and which table it reports to use."""

    grants: SlotGrants = field(default_factory=SlotGrants)
    """The slots that the activator may be using."""
    is_known: bool = False
    """False while the activator may use a table of another controller: then its slots are unknown."""
    process: str = ""
    """Name of the activator's process, as it reports itself."""
    reported_version: int = 0
    """Version of the table that the activator reported last."""
    reported_since: float = LONG_AGO
    """Since when it has reported that version."""
    routes: tuple[PoolRoute, ...] = ()
    """Routes of the table that was made for it last."""
    version: int = 0
    """Version of that table."""
    made_at: float = LONG_AGO
    """When that table was made; LONG_AGO if a new one is due now."""

    def forgotten(self) -> "SentTables":
        """What the activator uses from now on was sent by another leader."""
        return SentTables(
            process=self.process,
            reported_version=self.reported_version,
            reported_since=self.reported_since,
        )

    def heard(self, now: float, led_since: float, activator: SeenActivator) -> "SentTables":
        """Enter what the activator reports."""
        sent, report = self, activator.report
        if report is not None:
            if report.activator != self.process:
                # It has restarted or is new to us: what was granted to the process before no longer counts.
                sent = replace(sent.forgotten(), process=report.activator)
            sent = sent._confirmed(now, report.table_version)
        if activator.failed_version and activator.failed_version == sent.version:
            sent = replace(sent, made_at=LONG_AGO)
        is_heard = report is not None or activator.takes_new
        patience = FOREIGN_TABLE_SECONDS if is_heard else NEW_POD_PATIENCE_SECONDS
        is_outlasted = now - max(led_since, sent.reported_since) >= patience
        return replace(sent, is_known=sent.grants.is_known or is_outlasted)

    def _confirmed(self, now: float, version: int) -> "SentTables":
        grants = self.grants.confirmed(version)
        if version == self.reported_version:
            return replace(self, grants=grants)
        # Another leader's table may have replaced ours: then ours is sent again, with a higher version.
        made_at = self.made_at if grants.is_known else LONG_AGO
        return replace(self, grants=grants, reported_version=version, reported_since=now, made_at=made_at)

    def is_due(self, now: float, routes: tuple[PoolRoute, ...]) -> bool:
        """Whether these routes have to be sent: they are new, or the last table gets old."""
        return routes != self.routes or now - self.made_at >= RESEND_SECONDS

    def with_table(self, now: float, table: RoutingTable, unsent_version: int) -> "SentTables":
        """Enter a table that replaces the one that still waits to be sent.

        It counts from now on, not from when it is sent: other activators' shares are made meanwhile.
        """
        grants = self.grants.withdrawn(unsent_version) if unsent_version else self.grants
        return replace(
            self,
            grants=grants.sent(table.table_version, _granted(table.pools)),
            routes=table.pools,
            version=table.table_version,
            made_at=now,
        )


def confirmed_version(activators: Iterable[SeenActivator], sent: Mapping[str, SentTables]) -> int | None:
    """The oldest of our tables that a reporting activator uses, 0 where one uses none of ours; None where no
    activator reports. Activators that take no new requests count too: some nodes still lead to them."""
    return min((sent[each.uid].grants.in_force for each in activators if each.report), default=None)


def highest_version(activators: Iterable[SeenActivator]) -> int:
    """The highest version that an activator uses, also one that another leader has sent."""
    return max((each.report.table_version for each in activators if each.report), default=0)


class RouteFacts(NamedTuple):
    """Everything that the routes of one pool depend on."""

    http: Http
    service: SeenService | None
    listen_port: int
    redirects_to_pods: bool
    hold_seconds: int
    ready_in_seconds: float | None
    start_trouble: str
    concurrency: int
    elsewhere: Mapping[str, int]
    holders: Mapping[str, Sequence[Holder]]
    """By replica that is named; every activator is a holder."""
    activators: Sequence[str]
    """Uids of those that are sent a table."""
    unprobed: tuple[str, ...]
    """Those of the named replicas that have no readiness probe."""


@dataclass(frozen=True, slots=True)
class PoolRoutes:
    """The routes of one pool, kept while nothing changes that they depend on: most pools are quiet."""

    facts: RouteFacts
    """What they were made from."""
    by_activator: Mapping[str, PoolRoute]
    """What each reporting activator learns about the pool, by the activator's uid."""


def route_facts(
    key: PoolKey,
    pool: SeenPool,
    listen_port: int,
    switch: Switch | None,
    activators: Sequence[SeenActivator],
    sent: Mapping[str, SentTables],
) -> RouteFacts:
    """What the routes of one pool depend on now.

    No replica is named once the pool may stop: what arrives then is held, and shows in a report before any
    replica goes. Nor is one named before the pods' port is known.
    """
    names_replicas = pool.service is not None and (switch is None or not switch.holds)
    named = pool.ready if names_replicas else ()
    return RouteFacts(
        http=pool.http,
        service=pool.service,
        listen_port=listen_port,
        redirects_to_pods=switch is not None and switch.redirects_to_pods,
        hold_seconds=pool.hold_seconds,
        ready_in_seconds=pool.ready_in_seconds,
        start_trouble=pool.start_trouble,
        concurrency=pool.concurrency,
        elsewhere=pool.elsewhere,
        holders={
            pod.address: [_holder(key, pod.address, each, sent[each.uid]) for each in activators]
            for pod in named
        },
        activators=[each.uid for each in activators if each.report],
        unprobed=tuple(pod.address for pod in named if not pod.is_probed),
    )


def pool_routes(key: PoolKey, facts: RouteFacts) -> PoolRoutes:
    """The routes of one pool: who may send how much to which replica."""
    http, service = facts.http, facts.service
    # Until the pods' port is known no replica is named, and nothing is sent to this port.
    backend_port = service.backend_port if service else http.port
    port = PortRoute(service=http.service, listen_port=facts.listen_port, backend_port=backend_port)
    slots = {
        address: share(facts.concurrency, facts.elsewhere.get(address, 0), holders)
        for address, holders in facts.holders.items()
    }
    routes = {
        uid: PoolRoute(
            namespace=key.namespace,
            name=key.name,
            ports=(port,),
            replicas=tuple(Replica(address=at, slots=shares[uid]) for at, shares in slots.items()),
            unprobed=facts.unprobed,
            redirects_to_pods=facts.redirects_to_pods,
            hold_seconds=facts.hold_seconds,
            ready_in_seconds=facts.ready_in_seconds,
            start_trouble=facts.start_trouble,
            held_requests=http.held_requests,
            fair_by=http.fair_by,
            fair_header=http.fair_header,
            heartbeat_seconds=http.heartbeat_seconds,
        )
        for uid in facts.activators
    }
    return PoolRoutes(facts, routes)


def _holder(key: PoolKey, address: str, activator: SeenActivator, sent: SentTables) -> Holder:
    report = activator.pools.get(key)
    taken = report.at_replicas.get(address, 0) if report else 0
    return Holder(
        name=activator.uid,
        waiting=sum(entry.requests for entry in report.waiting) if report else 0,
        taken=taken,
        granted=max(sent.grants.at(_replica(str(key), address)), taken),
        is_known=sent.is_known,
    )


def _granted(routes: Iterable[PoolRoute]) -> Mapping[str, int]:
    """Slots by pool and replica, as grants are kept."""
    return {
        _replica(route.key, replica.address): replica.slots for route in routes for replica in route.replicas
    }


def _replica(pool: str, address: str) -> str:
    return f"{pool}/{address}"
