"""Reports to the controller how many requests wait and are at replicas, as soon as that changes."""

import asyncio
from collections.abc import AsyncIterator

from poolkeeper.activator.routing.pools import Pools
from poolkeeper.activator.server import Server
from poolkeeper.api.activation import Report

AT_MOST_EVERY_SECONDS = 0.02
AT_LEAST_EVERY_SECONDS = 1.0


class Reporter:
    """Makes reports of one activator process; several controllers may listen at once."""

    def __init__(self, activator: str, pools: Pools, server: Server) -> None:
        self._activator = activator
        self._pools = pools
        self._server = server
        self._listeners: set[asyncio.Event] = set()
        pools.on_change = self.changed

    def changed(self) -> None:
        """Something of what is reported has changed."""
        for listener in self._listeners:
            listener.set()

    def report(self) -> Report:
        """The state at this moment."""
        return Report(
            activator=self._activator,
            table_version=self._pools.table_version,
            unbound_ports=self._server.unbound_ports,
            is_stopping=self._pools.is_stopping,
            pools=self._pools.reports(),
        )

    async def follow(self) -> AsyncIterator[Report]:
        """A report now, one within 20 ms of each change, and one every second: silence is a fault."""
        news = asyncio.Event()
        self._listeners.add(news)
        try:
            while True:
                news.clear()
                yield self.report()
                await asyncio.sleep(AT_MOST_EVERY_SECONDS)
                try:
                    async with asyncio.timeout(AT_LEAST_EVERY_SECONDS):
                        await news.wait()
                except TimeoutError:
                    pass
        finally:
            self._listeners.discard(news)
