"""The controller's end of the channel to one activator: sends tables, receives reports."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import aiohttp
from pydantic import ValidationError

from poolkeeper.api.activation import REPORTS_PATH, ROUTES_PATH, Report, RoutingTable
from poolkeeper.backoff import Backoff

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 3.0
"""An activator reports at least every second; one that does not for 3 s counts as silent."""
SEND_SECONDS = 3.0
LATELY_SECONDS = 30.0
MOST_REPORT_BYTES = 16 * 1024 * 1024
BACKOFF = Backoff(0.1, 2.0)
"""Between attempts to listen to a silent activator."""


class ActivatorChannel(Protocol):
    """The channel to one activator."""

    address: str
    """IP of its pod."""

    @property
    def report(self) -> Report | None:
        """What it reported last; None while it is silent."""

    @property
    def spoke_lately(self) -> bool:
        """Whether it reported within the last 30 s."""

    async def run(self) -> None:
        """Listen until cancelled."""

    async def send(self, table: RoutingTable) -> bool:
        """Send a table; False if the activator did not take it, for whatever reason."""


class ActivatorLink:
    """One activator, by the address of its pod. `report` is its last one, None while it is silent."""

    def __init__(self, address: str, port: int, token_file: Path, heard: Callable[[], None]) -> None:
        host = f"[{address}]" if ":" in address else address
        self.address = address
        self.report: Report | None = None
        self._spoke_at = float("-inf")
        self._url = f"http://{host}:{port}"
        self._token_file = token_file
        self._heard = heard
        self._client: aiohttp.ClientSession | None = None

    @property
    def spoke_lately(self) -> bool:
        """Whether it reported a short while ago."""
        return asyncio.get_running_loop().time() - self._spoke_at < LATELY_SECONDS

    async def run(self) -> None:
        """Listen until cancelled; connects again whenever the activator falls silent."""
        try:
            async with aiohttp.ClientSession(read_bufsize=MOST_REPORT_BYTES) as self._client:
                await self._listen_on(self._client)
        finally:
            self._client = None

    async def send(self, table: RoutingTable) -> bool:
        """Send a table; False if the activator did not take it, for whatever reason.

        The connection is kept for the next one: requests wait at the activator for the next table. A kept
        one that turns out to be closed is no failure, since a table may arrive twice.
        """
        client = self._client
        if client is None:
            return False
        body = table.model_dump_json(by_alias=True)
        try:
            async with (
                asyncio.timeout(SEND_SECONDS),
                client.put(self._url + ROUTES_PATH, data=body, headers=self._headers()) as response,
            ):
                if response.status != 204:
                    text = (await response.text())[:200]
                    logger.warning("activator %s refuses its table: %s", self.address, text)
                return response.status == 204
        except (aiohttp.ClientError, OSError) as error:
            logger.info("activator %s can't be reached: %s", self.address, error or type(error).__name__)
            return False

    async def _listen_on(self, client: aiohttp.ClientSession) -> None:
        failures = 0
        while True:
            try:
                await self._listen(client)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                logger.info("activator %s is silent: %s", self.address, error or type(error).__name__)
            failures = 0 if self.report else failures + 1
            self.report = None
            self._heard()
            await asyncio.sleep(BACKOFF.pause_seconds(failures))

    async def _listen(self, client: aiohttp.ClientSession) -> None:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=SILENCE_SECONDS, sock_read=SILENCE_SECONDS)
        url = self._url + REPORTS_PATH
        async with client.get(url, headers=self._headers(), timeout=limits) as response:
            response.raise_for_status()
            async for line in response.content:
                try:
                    self.report = Report.model_validate_json(line)
                except ValidationError as error:
                    raise ValueError(f"a report can't be read: {error.error_count()} errors") from error
                self._spoke_at = asyncio.get_running_loop().time()
                self._heard()

    def _headers(self) -> dict[str, str]:
        token = self._token_file.read_text().split()
        return {"Authorization": f"Bearer {token[0] if token else ''}"}
