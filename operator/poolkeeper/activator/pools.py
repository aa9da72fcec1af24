"""All pools that this activator serves, as the controller's latest table names them."""

import asyncio
from collections.abc import Callable

from poolkeeper.activator.budget import Budget
from poolkeeper.activator.gate import Gate
from poolkeeper.activator.hang_ups import HangUps
from poolkeeper.activator.limits import Limits
from poolkeeper.activator.metrics import Metrics
from poolkeeper.activator.refusals import Cause, Refused
from poolkeeper.api.activation import PoolReport, PoolRoute, PortRoute, RoutingTable

PoolId = tuple[str, str]


class Pools:
    """Gates by pool and by local port. A pool that left the table stays until its last request has ended."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.metrics = metrics
        self.hang_ups = HangUps()
        self.total_requests = Budget(limits.total_requests)
        self.total_bytes = Budget(limits.total_bytes)
        self.issue = 0
        self.is_stopping = False
        self.on_change: Callable[[], None] | None = None
        self._gates: dict[PoolId, Gate] = {}
        self._leaving: list[Gate] = []
        self._ports: dict[int, tuple[Gate, PortRoute]] = {}
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def ports(self) -> frozenset[int]:
        """Ports to listen on."""
        return frozenset(self._ports)

    def apply(self, table: RoutingTable) -> bool:
        """Take over a table; False, and nothing changed, if a newer one is in force."""
        if table.issue < self.issue:
            return False
        self.issue = table.issue
        gates = {(route.namespace, route.name): self._gate_for(route) for route in table.pools}
        for pool, gate in self._gates.items():
            if pool not in gates:
                gate.withdraw_replicas()
                gate.refuse_all(Cause.NO_POOL, "This model's pool is gone.")
                self._leaving.append(gate)
        self._gates = gates
        self._ports = {
            port.listen_port: (gates[route.namespace, route.name], port)
            for route in table.pools
            for port in route.ports
        }
        self._expire_in(table.valid_seconds)
        return True

    def gate_at(self, port: int) -> Gate:
        """The gate that a local port leads to; raises Refused."""
        if port not in self._ports:
            raise Refused(Cause.NO_POOL, "No model is served at this address any more.")
        return self._ports[port][0]

    def backend_port(self, port: int) -> int:
        """The replicas' port that a local port stands for."""
        return self._ports[port][1].backend_port

    def reports(self) -> tuple[PoolReport, ...]:
        """What is held and done for every pool."""
        self._leaving = [gate for gate in self._leaving if not gate.is_empty]
        return tuple(gate.report() for gate in (*self._gates.values(), *self._leaving))

    def refuse_all(self, message: str) -> None:
        """Answer everybody who waits, for this process ends."""
        for gate in self._gates.values():
            gate.refuse_all(Cause.STOPPING, message)

    async def until_empty(self) -> None:
        """Wait until no request waits or is being worked on."""
        while not all(gate.is_empty for gate in (*self._gates.values(), *self._leaving)):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    def _gate_for(self, route: PoolRoute) -> Gate:
        gate = self._gates.get((route.namespace, route.name))
        if gate is None:
            metrics = self.metrics.of_pool(route.namespace, route.name)
            return Gate(route, self.total_requests, metrics, self._changed)
        gate.update(route)
        return gate

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()

    def _expire_in(self, seconds: float) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = asyncio.get_running_loop().call_later(seconds, self.withdraw_replicas)

    def withdraw_replicas(self) -> None:
        """Hold everything until the next table: the controller has been silent for too long."""
        for gate in self._gates.values():
            gate.withdraw_replicas()
