"""The fast lane: sends each activator its table, and waits for nothing else.

A held request waits for the table that names a replica: neither the API server nor another activator may
delay it.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from poolkeeper.api.activation import RoutingTable
from poolkeeper.controller.front.activators import Activator
from poolkeeper.sources.http.activator_link import ActivatorChannel

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Outbox:
    """What waits to be sent to one activator, one table at a time."""

    link: ActivatorChannel
    """The channel to the activator."""
    unsent: RoutingTable | None = None
    """The latest table, until its sending begins."""
    failed_version: int = 0
    """Version of the last table that could not be delivered; 0 if none."""
    has_table: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while a table waits."""
    sending: asyncio.Task[None] | None = None
    """Sends what waits."""

    @property
    def unsent_version(self) -> int:
        """Version of the table that waits to be sent; 0 if none does."""
        return self.unsent.table_version if self.unsent else 0

    def post(self, table: RoutingTable) -> None:
        """Send this table, and not the one that still waits."""
        self.unsent = table
        self.has_table.set()

    async def send_on(self) -> None:
        """Send what is posted until cancelled."""
        while True:
            await self.has_table.wait()
            self.has_table.clear()
            table, self.unsent = self.unsent, None
            if table is None:
                continue
            try:
                is_taken = await self.link.send(table)
            except Exception:
                logger.exception("a table can't be sent to activator %s", self.link.address)
                is_taken = False
            if not is_taken:
                self.failed_version = table.table_version


class Tables:
    """An outbox for each activator."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Outbox] = {}

    def follow(self, activators: list[Activator]) -> Mapping[str, Outbox]:
        """The outboxes of exactly these activators, by uid."""
        present = {each.pod.uid: each for each in activators}
        for uid in self._by_uid.keys() - present.keys():
            _end(self._by_uid.pop(uid))
        for uid in present.keys() - self._by_uid.keys():
            outbox = self._by_uid[uid] = Outbox(present[uid].link)
            outbox.sending = asyncio.create_task(outbox.send_on())
        return self._by_uid

    def post(self, tables: Mapping[str, RoutingTable]) -> None:
        """Send these tables, by uid."""
        for uid, table in tables.items():
            self._by_uid[uid].post(table)

    def drop(self) -> None:
        """Another leader sends tables from now on: what still waits is not sent."""
        for each in self._by_uid.values():
            each.unsent = None

    def close(self) -> None:
        """End all sending."""
        for each in self._by_uid.values():
            _end(each)
        self._by_uid.clear()


def _end(outbox: Outbox) -> None:
    if outbox.sending is not None:
        outbox.sending.cancel()
