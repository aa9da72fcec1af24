"""Tries replicas without a readiness probe until each has accepted a connection."""

import asyncio
from collections.abc import Iterable

from poolkeeper.activator.gate.gate import Gate
from poolkeeper.activator.net.connection import connect
from poolkeeper.activator.net.limits import Limits

Tried = tuple[str, str]
"""A pool's `namespace/name`, and the address of one of its replicas."""


class FirstConnections:
    """Opens a connection and closes it again, once a second for each replica, as a probe of the kubelet does.

    Such a pod is Ready when its process starts, so Ready says nothing. The controller waits for this proof
    before it sends clients to the pods, also where no request comes that would be the proof.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._at_once = asyncio.Semaphore(limits.tries_at_once)
        self._tasks: dict[Tried, asyncio.Task[None]] = {}

    def follow(self, gates: Iterable[Gate]) -> None:
        """Try what these gates have no proof of, and nothing else."""
        wanted = {(gate.route.key, address): gate for gate in gates for address in gate.line.unproven}
        for tried in self._tasks.keys() - wanted.keys():
            self._tasks.pop(tried).cancel()
        for tried, gate in wanted.items():
            if tried not in self._tasks or self._tasks[tried].done():
                self._tasks[tried] = asyncio.create_task(self._try_on(gate, tried[1]))

    def close(self) -> None:
        """Try nothing more."""
        self.follow(())

    async def _try_on(self, gate: Gate, address: str) -> None:
        """A request that the replica takes meanwhile is the proof too."""
        while gate.route.ports and address in gate.line.unproven:
            try:
                async with self._at_once:
                    port = gate.route.ports[0].backend_port
                    is_accepted = await self._is_accepted(address, port)
            except OSError:
                is_accepted = False
            if is_accepted:
                gate.accepted(address)
            else:
                await asyncio.sleep(self._limits.try_again_seconds)

    async def _is_accepted(self, address: str, port: int) -> bool:
        """Raises OSError. A connection that is closed at once was accepted by something before the model."""
        connection = await connect(address, port, self._limits.connect_seconds)
        try:
            await asyncio.sleep(self._limits.acceptance_seconds)
            return not connection.has_hung_up()
        finally:
            connection.transport.close()
