"""All pools that this activator serves, as the controller's latest table names them."""

import asyncio
from collections.abc import Callable

from poolkeeper.activator.gate.budget import Budget
from poolkeeper.activator.gate.gate import Gate
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.net.refusals import Cause, Refused
from poolkeeper.activator.observing.metrics import Metrics, PoolMetrics
from poolkeeper.activator.routing.first_connections import FirstConnections
from poolkeeper.activator.routing.idle import Idling
from poolkeeper.api.activation import PoolReport, PoolRoute, RoutingTable

_STOPPING = "The activator that took this request is being stopped. The request was not executed: try again."
_GONE = "The pool of this model was deleted, or no longer names this Service."


class Pools:
    """Gates by pool and by local port.

    A pool that is missing from a table keeps its gate and its ports for `absence_seconds`, and releases
    nothing meanwhile: otherwise a new leader that has not read every pool yet, or an edit of the source,
    would have all held requests refused. After that its requests are refused, and its gate stays until the
    last one has ended. A pool that comes back gets its old gate, so that requests at replicas still count.
    """

    def __init__(self, limits: Limits, metrics: Metrics, total_requests: Budget) -> None:
        self._metrics = metrics
        self._total_requests = total_requests
        self._absence_seconds = limits.absence_seconds
        self._first_connections = FirstConnections(limits)
        self.idling = Idling(limits, self.sends_away)
        self.table_version = 0
        self.is_stopping = False
        self.has_table_since_stop = asyncio.Event()
        self._is_closed = False
        self.on_change: Callable[[], None] | None = None
        self.on_ports_gone: Callable[[], None] | None = None
        self._gates: dict[str, Gate] = {}
        """By the pool's `namespace/name`: all pools of the table, and those in `_absent`."""
        self._absent: dict[str, asyncio.TimerHandle] = {}
        """Pools that are missing from the table, with the timers that give them up."""
        self._leaving: dict[str, Gate] = {}
        """Pools that were given up, until their last request has ended."""
        self._ports: dict[int, Gate] = {}
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def ports(self) -> frozenset[int]:
        """Ports to listen on."""
        return frozenset(self._ports)

    def apply(self, table: RoutingTable) -> bool:
        """Take over a table; False, and nothing changed, if a newer one is in force."""
        if table.table_version < self.table_version:
            return False
        self.table_version = table.table_version
        if self.is_stopping:
            self.has_table_since_stop.set()
        named = {route.key: self._gate_for(route) for route in table.pools}
        for pool, gate in self._gates.items():
            if pool not in named:
                self._is_missing(pool, gate)
        self._gates |= named
        # A port of a missing pool may have been given to another one: the table in force decides.
        self._ports = {
            listen_port: gate for listen_port, gate in self._ports.items() if gate.route.key in self._absent
        } | {port.listen_port: named[route.key] for route in table.pools for port in route.ports}
        self._first_connections.follow(self._gates.values())
        self._expire_in(table.valid_seconds)
        for listen_port in self._ports:
            if self.sends_away(listen_port):
                self.idling.send_away(listen_port)
        return True

    def gate_at(self, port: int) -> Gate:
        """The gate that a local port leads to; raises Refused."""
        if port not in self._ports:
            if self._is_closed:
                raise Refused(Cause.STOPPING, _STOPPING)
            raise Refused(Cause.NO_POOL, _GONE)
        return self._ports[port]

    def reports(self) -> tuple[PoolReport, ...]:
        """What the controller needs to know of every pool."""
        return tuple(gate.report() for gate in self._all())

    def sends_away(self, port: int) -> bool:
        """Whether connections without an open request are to leave this port: others answer the Service."""
        return self.is_stopping or port not in self._ports or self._ports[port].route.redirects_to_pods

    def stop(self) -> None:
        """The process is stopping: idle connections are closed, and new requests are still held."""
        self.is_stopping = True
        self.idling.send_all_away()

    def close(self) -> None:
        """Refuse new requests and close idle connections; requests that wait go on waiting."""
        self.is_stopping = self._is_closed = True
        for gate in self._all():
            gate.line.closed = Refused(Cause.STOPPING, _STOPPING)
        self._first_connections.close()
        self.idling.send_all_away()

    def refuse_all(self) -> None:
        """Refuse every request that waits, because the process ends."""
        for gate in self._gates.values():
            gate.refuse_all(Cause.STOPPING, _STOPPING)

    async def until_empty(self) -> None:
        """Wait until no request waits or is at a replica."""
        while not all(gate.line.is_empty for gate in self._all()):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    def _all(self) -> tuple[Gate, ...]:
        return (*self._gates.values(), *self._leaving.values())

    def _gate_for(self, route: PoolRoute) -> Gate:
        pool = route.key
        if (absence := self._absent.pop(pool, None)) is not None:
            absence.cancel()
        gate = self._gates.get(pool) or self._leaving.pop(pool, None)
        if gate is None:
            metrics = PoolMetrics(self._metrics, route.namespace, route.name)
            gate = Gate(route, self._total_requests, metrics, self._changed)
        else:
            gate.line.closed = None
            gate.update(route)
        if self._is_closed:
            gate.line.closed = Refused(Cause.STOPPING, _STOPPING)
        return gate

    def _is_missing(self, pool: str, gate: Gate) -> None:
        gate.line.withdraw_replicas()
        if pool not in self._absent:
            loop = asyncio.get_running_loop()
            self._absent[pool] = loop.call_later(self._absence_seconds, self._is_gone, pool)

    def _is_gone(self, pool: str) -> None:
        del self._absent[pool]
        gate = self._leaving[pool] = self._gates.pop(pool)
        ports = [port for port, other in self._ports.items() if other is gate]
        for port in ports:
            del self._ports[port]
        gate.line.closed = Refused(Cause.NO_POOL, _GONE)
        gate.refuse_all(Cause.NO_POOL, _GONE)
        for port in ports:
            self.idling.send_away(port)
        if self.on_ports_gone is not None:
            self.on_ports_gone()
        self._changed()

    def _changed(self) -> None:
        for gate in [gate for gate in self._leaving.values() if gate.line.is_empty]:
            del self._leaving[gate.route.key]
            self._metrics.forget(gate.route.namespace, gate.route.name)
        if self.on_change is not None:
            self.on_change()

    def _expire_in(self, seconds: float) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(seconds, self.withdraw_replicas)

    def withdraw_replicas(self) -> None:
        """Release nothing until the next table: the controller has been silent for too long."""
        for gate in self._gates.values():
            gate.line.withdraw_replicas()
