"""Follows the objects of one path: list them, watch them, and list them again after a gap."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from poolkeeper.backoff import Backoff
from poolkeeper.kube.transport.client import STALL_SECONDS, JsonObject, KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.transport.fields import readable
from poolkeeper.kube.transport.listing import PAGING, Paging, list_all

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

RETRIES = Backoff(first_seconds=0.2, longest_seconds=30.0)
SERVER_TIMEOUT_SECONDS = 300
"""The API server ends a watch after this time."""
NOT_LISTED = KubeFailure("NotListed", "the API server has not listed them yet")


@dataclass(frozen=True, slots=True)
class WatchTiming:
    """How lists and watches are paced."""

    paging: Paging = PAGING
    stall_seconds: float = STALL_SECONDS
    """A watch that is silent for longer is interrupted."""
    backoff: Backoff = RETRIES


class Reflector(Generic[Item]):
    """Reports all objects of a path and every change of them, for as long as it runs.

    `on_list` gets all of them, after the start and after each gap; `on_event` gets ADDED, MODIFIED
    and DELETED. `failure` is why the reported content may be out of date, None while the watch is open;
    `on_current` is called when it becomes None.
    """

    def __init__(
        self,
        client: KubeClient,
        path: str,
        *,
        project: Callable[[Mapping[str, Any]], Item],
        on_list: Callable[[list[Item]], None],
        on_event: Callable[[str, Item], None],
        on_current: Callable[[], None],
        timing: WatchTiming,
    ) -> None:
        self.failure: KubeFailure | None = NOT_LISTED
        self._client = client
        self._path = path
        self._project = project
        self._on_list = on_list
        self._on_event = on_event
        self._on_current = on_current
        self._timing = timing
        self._version: str | None = None
        self._failures = 0

    async def run(self) -> None:
        """List and watch until cancelled; after a failure wait, then go on."""
        while True:
            delay_seconds = self._timing.backoff.first_seconds
            try:
                await self._list_and_watch()
            except KubeFailure as failure:
                delay_seconds = self._noted(failure)
            except Exception as failure:
                # A fault of ours in one event must not end the watch of all other objects.
                logger.exception("watch of %s failed", self._path)
                self._version = None
                delay_seconds = self._noted(KubeFailure("WatchFailed", repr(failure)))
            await asyncio.sleep(delay_seconds)

    async def _list_and_watch(self) -> None:
        if self._version is None:
            items, self._version = await list_all(
                self._client, self._path, self._project, paging=self._timing.paging
            )
            self._on_list(items)
        query: list[tuple[str, str | int]] = [
            ("resourceVersion", self._version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", SERVER_TIMEOUT_SECONDS),
        ]
        async with self._client.watch(
            self._path, query=query, stall_seconds=self._timing.stall_seconds
        ) as events:
            self._note_current()
            async for event in events:
                self._take(event)

    def _note_current(self) -> None:
        was_failing, self.failure = self.failure is not None, None
        if was_failing:
            self._on_current()

    def _take(self, event: JsonObject) -> None:
        raw = event["object"]
        if event["type"] != "BOOKMARK":
            for item in readable([raw], self._project):
                self._on_event(event["type"], item)
        # Set after the event was taken in: an event that failed must be delivered again.
        self._version = raw["metadata"]["resourceVersion"]
        self._failures = 0

    def _noted(self, failure: KubeFailure) -> float:
        if isinstance(failure, ApiError) and failure.status == 410:
            self._version = None
        self.failure = failure
        delay_seconds = self._timing.backoff.pause_seconds(self._failures)
        self._failures += 1
        logger.info("watch of %s interrupted, again in %.1f s: %s", self._path, delay_seconds, failure)
        asked_seconds = failure.retry_after_seconds if isinstance(failure, ApiError) else None
        return max(delay_seconds, asked_seconds or 0.0)
