"""Reads the load of a pool's model servers from their own metrics.

While a pool is warm, no request passes through the operator: the metrics are all that is known.
"""

import asyncio
import time
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http import errors
from poolkeeper.sources.http.engines import ENGINES, Engine, ServerLoad, load_of, metrics_text

TIMEOUT_SECONDS = 2.0
AT_ONCE = 64
PIECE_BYTES = 16 * 1024
"""Parsed without a pause: at most about 5 ms."""
SHARE_OF_TIME = 0.05
"""The part of the event loop's time that parsing the metrics of one pool may take."""

_PLAIN = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """All servers of a pool together."""

    waiting: int
    """Requests that wait inside the servers."""
    running: Mapping[str, int]
    """Requests that are worked on, by address."""
    was_active: bool
    """Whether a request was answered since the reading before, even if none is running now."""

    @property
    def in_flight(self) -> int:
        """Requests being worked on: at least one where the counters say that there was one."""
        return max(sum(self.running.values()), int(self.was_active))


class LoadReader(Protocol):
    """Reads the load of a pool's model servers."""

    async def read(
        self,
        client: aiohttp.ClientSession,
        addresses: Iterable[str],
        loading: Container[str] = (),
        fallen: Iterable[str] = (),
    ) -> PoolLoad:
        """The load of the servers at these addresses; raises SourceFailure if any of them can't be read.

        One of `loading` that refuses the connection has no load, nor has one of `fallen`, which are not ready
        any more, that can't be read.
        """


class ModelServers:
    """The servers of one pool; remembers their counters between readings."""

    def __init__(
        self,
        *,
        port: int,
        path: str = "/metrics",
        engines: tuple[Engine, ...] = ENGINES,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self._port = port
        self._path = path
        self._engines = engines
        self._timeout_seconds = timeout_seconds
        self._activity: dict[str, float] = {}
        self._parsing = asyncio.Lock()
        self._spent_seconds = 0.0
        self._not_before = 0.0

    async def read(
        self,
        client: aiohttp.ClientSession,
        addresses: Iterable[str],
        loading: Container[str] = (),
        fallen: Iterable[str] = (),
    ) -> PoolLoad:
        """The load of the servers at these addresses; raises SourceFailure if any of them can't be read.

        Half a pool's load is no load to decide by: the one that does not answer may be the busy one. One of
        `loading` that refuses the connection has no load: nothing listens there. One of `fallen` is not ready
        any more, often because it has too much to do; if it does not answer, it may hang for ever.
        """
        limit = asyncio.Semaphore(AT_ONCE)
        ready, may_fail = list(addresses), set(fallen)
        wanted = [*ready, *sorted(may_fail.difference(ready))]
        if wanted:
            # Without servers nothing is parsed, and a request may wait for the first one.
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
        self._spent_seconds = 0.0
        try:
            loads = await asyncio.gather(
                *(self._read_one(client, address, limit, may_refuse=address in loading) for address in ready),
                *(self._read_fallen(client, address, limit) for address in wanted[len(ready) :]),
            )
        finally:
            self._not_before = time.monotonic() + self._spent_seconds / SHARE_OF_TIME
        by_address = {at: load for at, load in zip(wanted, loads, strict=True) if load is not None}
        was_active = self._has_moved(by_address)
        self._activity = {address: load.activity for address, load in by_address.items()}
        return PoolLoad(
            waiting=sum(load.waiting for load in by_address.values()),
            running={address: load.running for address, load in by_address.items()},
            was_active=was_active,
        )

    def _has_moved(self, loads: Mapping[str, ServerLoad]) -> bool:
        """A counter that is new shows nothing yet; one that fell belongs to a server that has restarted."""
        return any(
            address in self._activity and load.activity != self._activity[address]
            for address, load in loads.items()
        )

    async def _read_fallen(
        self, client: aiohttp.ClientSession, address: str, limit: asyncio.Semaphore
    ) -> ServerLoad | None:
        try:
            return await self._read_one(client, address, limit, may_refuse=True)
        except SourceFailure:
            return None

    async def _read_one(
        self, client: aiohttp.ClientSession, address: str, limit: asyncio.Semaphore, *, may_refuse: bool
    ) -> ServerLoad | None:
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{self._port}{self._path}"
        try:
            async with (
                limit,
                asyncio.timeout(self._timeout_seconds),
                client.get(url, headers=_PLAIN, allow_redirects=False) as response,
            ):
                return await self._load(response, url)
        except (aiohttp.ClientError, OSError) as error:
            if may_refuse and errors.is_refused(error):
                return None
            raise errors.unreachable(error, url, self._timeout_seconds) from error

    async def _load(self, response: aiohttp.ClientResponse, url: str) -> ServerLoad:
        if (failure := errors.no_metrics(response, url)) is not None:
            raise failure
        text = metrics_text(self._engines)
        try:
            async for piece in response.content.iter_chunked(PIECE_BYTES):
                await self._parse(text.feed, piece)
            await self._parse(text.feed, b"\n")
            return load_of(text.totals, self._engines)
        except SourceFailure as unread:
            raise SourceFailure(unread.reason, f"{url}: {unread.message}") from unread

    async def _parse(self, feed: Callable[[bytes], None], piece: bytes) -> None:
        """Parse one piece of one server in each turn of the event loop, however many have arrived."""
        async with self._parsing:
            began = time.monotonic()
            try:
                feed(piece)
            finally:
                self._spent_seconds += time.monotonic() - began
            await asyncio.sleep(0)
