"""Reads the load of a pool's ready model servers from their own metrics.

While a pool is warm, no request passes through the operator: the metrics are all that is known.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http.engines import ENGINES, Engine, ServerLoad, read_load

TIMEOUT_SECONDS = 2.0
MOST_BYTES = 8 * 1024 * 1024
AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class PoolLoad:
    """All ready servers of a pool together."""

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

    async def read(self, client: aiohttp.ClientSession, addresses: Iterable[str]) -> PoolLoad:
        """The load of the servers at these addresses; raises SourceFailure if any of them can't be read."""


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

    async def read(self, client: aiohttp.ClientSession, addresses: Iterable[str]) -> PoolLoad:
        """The load of the servers at these addresses; raises SourceFailure if any of them can't be read.

        Half a pool's load is no load to decide by: the one that does not answer may be the busy one.
        """
        limit = asyncio.Semaphore(AT_ONCE)
        wanted = list(addresses)
        loads = await asyncio.gather(*(self._read_one(client, address, limit) for address in wanted))
        by_address = dict(zip(wanted, loads, strict=True))
        was_active = self._has_moved(by_address)
        self._activity = {address: load.activity for address, load in by_address.items()}
        return PoolLoad(
            waiting=sum(load.waiting for load in loads),
            running={address: load.running for address, load in by_address.items()},
            was_active=was_active,
        )

    def _has_moved(self, loads: Mapping[str, ServerLoad]) -> bool:
        """A counter that is new shows nothing yet; one that fell belongs to a server that has restarted."""
        return any(
            address in self._activity and load.activity != self._activity[address]
            for address, load in loads.items()
        )

    async def _read_one(
        self, client: aiohttp.ClientSession, address: str, limit: asyncio.Semaphore
    ) -> ServerLoad:
        host = f"[{address}]" if ":" in address else address
        url = f"http://{host}:{self._port}{self._path}"
        try:
            async with (
                limit,
                asyncio.timeout(self._timeout_seconds),
                client.get(url, allow_redirects=False) as response,
            ):
                text = await _body(response, url)
        except (aiohttp.ClientError, OSError) as error:
            cause = str(error) or type(error).__name__
            raise SourceFailure("MetricsUnreadable", f"{url} gave no metrics: {cause}") from error
        return read_load(text, self._engines)


async def _body(response: aiohttp.ClientResponse, url: str) -> str:
    if response.status != 200:
        raise SourceFailure("MetricsUnreadable", f"{url} gave no metrics: status {response.status}")
    body = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        body += chunk
        if len(body) > MOST_BYTES:
            raise SourceFailure("MetricsUnreadable", f"{url} gave more than {MOST_BYTES} bytes of metrics")
    return body.decode("utf-8", "replace")
