"""Follows the Secrets that queues need: read every 30 s, and at once when a login is refused."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from poolkeeper.sources.base import ReadSecret, SecretUnavailable

logger = logging.getLogger(__name__)

REREAD_SECONDS = 30.0
RETRY_SECONDS = 5.0
LEAST_SECONDS_BETWEEN_READS = 1.0
READ_TIMEOUT_SECONDS = 10.0
CONCURRENT_READS = 8

_WITHDRAWN = {"SecretNotFound", "SecretForbidden"}


class SecretName(NamedTuple):
    """A Secret; the namespace is always that of the pool that names it."""

    namespace: str
    name: str


SecretContent = Mapping[str, bytes] | SecretUnavailable
Wait = Callable[[asyncio.Event, float], Awaitable[None]]
Deliver = Callable[[SecretName, SecretContent], None]


class SecretFollower:
    """Reads each followed Secret in its own task; delivers every changed content and every failure."""

    def __init__(self, read: ReadSecret, deliver: Deliver, wait: Wait | None = None) -> None:
        """`wait` returns after the given seconds, or sooner when its event is set."""
        self._wait = wait or wait_or_hurry
        self._read = read
        self._deliver = deliver
        self._tasks: dict[SecretName, asyncio.Task[None]] = {}
        self._hurry: dict[SecretName, asyncio.Event] = {}
        self._slots = asyncio.Semaphore(CONCURRENT_READS)

    def follow(self, secret: SecretName) -> None:
        """Start following; must be called on the event loop. Following twice changes nothing."""
        if secret not in self._tasks:
            self._hurry[secret] = asyncio.Event()
            self._tasks[secret] = asyncio.create_task(self._follow(secret), name=f"secret {secret}")

    def forget(self, secret: SecretName) -> None:
        """Stop following."""
        if secret in self._tasks:
            self._tasks.pop(secret).cancel()
            del self._hurry[secret]

    def refresh(self, secret: SecretName) -> None:
        """Read a followed Secret again at once, at most once a second."""
        if secret in self._hurry:
            self._hurry[secret].set()

    async def _follow(self, secret: SecretName) -> None:
        hurry = self._hurry[secret]
        known: Mapping[str, bytes] | None = None
        while True:
            hurry.clear()
            content = await self._content(secret, known)
            if content != known:
                self._deliver(secret, content)
            failed = isinstance(content, SecretUnavailable)
            known = None if isinstance(content, SecretUnavailable) else content
            await self._wait(hurry, RETRY_SECONDS if failed else REREAD_SECONDS)

    async def _content(self, secret: SecretName, known: Mapping[str, bytes] | None) -> SecretContent:
        """The Secret's keys; the known ones stay in use while the API server can't be reached."""
        try:
            async with self._slots, asyncio.timeout(READ_TIMEOUT_SECONDS):
                return dict(await self._read(secret.namespace, secret.name))
        except SecretUnavailable as unavailable:
            return unavailable if known is None or unavailable.reason in _WITHDRAWN else known
        except Exception as error:  # a failure of one Secret must not end the task of the others
            logger.warning("Secret %s/%s can't be read: %s", *secret, type(error).__name__)
            if known is not None:
                return known
            return SecretUnavailable(
                "SecretUnreadable",
                f"Secret {secret.name} can't be read now; it is read again every {RETRY_SECONDS:g} s",
            )


async def wait_or_hurry(hurry: asyncio.Event, seconds: float) -> None:
    """Wait for these seconds, or until `hurry` is set, but at least LEAST_SECONDS_BETWEEN_READS."""
    await asyncio.sleep(LEAST_SECONDS_BETWEEN_READS)
    try:
        await asyncio.wait_for(hurry.wait(), seconds - LEAST_SECONDS_BETWEEN_READS)
    except TimeoutError:
        return
