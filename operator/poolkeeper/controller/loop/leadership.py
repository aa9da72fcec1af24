"""Holds the Lease, and lets a write begin only while this replica is sure to hold it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from poolkeeper.core import lease
from poolkeeper.core.lease import LeaseRecord, LeaseState, LeaseTiming, ReadLease, WriteLease
from poolkeeper.kube.objects.leases import LeaseClient

logger = logging.getLogger(__name__)

LONGEST_WAIT_FOR_WRITES_SECONDS = 0.5


class NotLeading(Exception):
    """Another replica leads, or the lease ends too soon to begin a write."""


class Leadership:
    """Runs the state machine of core.lease.

    `on_change(is_leading)` is called when leadership changes. `on_resume()` is called when this replica may
    write again after a renewal that came late: what was decided in between was not written.
    """

    def __init__(
        self,
        store: LeaseClient,
        identity: str,
        monotonic: Callable[[], float],
        *,
        timing: LeaseTiming | None = None,
        on_change: Callable[[bool], None] = lambda _: None,
        on_resume: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._monotonic = monotonic
        self._state = LeaseState(identity, timing or LeaseTiming())
        self._on_change = on_change
        self._on_resume = on_resume
        self._was_leading = False
        self._was_refused = False
        self._named_holder = identity
        self._named_problem = ""
        self._writes = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._request = asyncio.Lock()

    @property
    def _timeout_seconds(self) -> float:
        return self._state.timing.request_timeout_seconds

    def may_write(self) -> bool:
        may_write = lease.may_write(self._state, self._monotonic())
        self._was_refused = self._was_refused or not may_write
        return may_write

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """The context of one write request: it begins and is cut off while this replica is sure to hold the
        lease. Raises NotLeading, or TimeoutError."""
        if not self.may_write():
            raise NotLeading
        now = self._monotonic()
        allowance_seconds = lease.remaining_seconds(self._state, now)
        self._writes += 1
        self._idle.clear()
        try:
            async with asyncio.timeout(min(allowance_seconds, self._timeout_seconds)):
                yield
        finally:
            self._writes -= 1
            if not self._writes:
                self._idle.set()

    async def run(self) -> None:
        """Ask for the lease and renew it, until resigned or cancelled."""
        while not self._state.is_resigned:
            async with self._request:
                await self._step()
            self._tell()
            await asyncio.sleep(lease.next_delay_seconds(self._state, self._monotonic()))

    async def resign(self) -> None:
        """Stop writing at once, and free the lease unless a write is still under way."""
        self._state = lease.resign(self._state)
        self._tell()
        try:
            async with asyncio.timeout(LONGEST_WAIT_FOR_WRITES_SECONDS):
                await self._idle.wait()
            async with asyncio.timeout(self._timeout_seconds), self._request:
                if release := lease.release(self._state):
                    await self._write(release)
        except Exception as error:
            logger.warning(
                "The lease was not freed and runs out by itself: %s: %s", type(error).__name__, error
            )

    async def _step(self) -> None:
        requested_at = self._monotonic()
        request = lease.next_request(self._state, requested_at)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._ask(request, requested_at)
            problem = ""
        except Exception as error:
            self._state = lease.has_failed(self._state)
            problem = f"{type(error).__name__}: {error}"
        if problem not in ("", self._named_problem):
            logger.warning("The lease can't be read or renewed: %s", problem)
        self._named_problem = problem

    async def _ask(self, request: ReadLease | WriteLease | None, requested_at: float) -> None:
        if isinstance(request, ReadLease):
            found = await self._store.read(timeout_seconds=self._timeout_seconds)
            record, version = found if found else (None, None)
            self._state = lease.was_read(self._state, record, version, self._monotonic())
        elif isinstance(request, WriteLease):
            record, version = await self._write(request)
            self._state = lease.was_written(self._state, record, version, requested_at, self._monotonic())

    async def _write(self, request: WriteLease) -> tuple[LeaseRecord, str]:
        timeout_seconds = self._timeout_seconds
        return await self._store.write(request.record, request.version, timeout_seconds=timeout_seconds)

    def _tell(self) -> None:
        was_refused, is_leading = self._was_refused, self.may_write()
        self._was_refused = False
        if is_leading != self._was_leading:
            self._was_leading = is_leading
            logger.info("This replica %s", "leads" if is_leading else "does not lead")
            self._on_change(is_leading)
        elif is_leading and was_refused:
            self._on_resume()
        holder = self._state.record.holder if self._state.record else ""
        if holder not in ("", self._named_holder):
            self._named_holder = holder
            if holder != self._state.identity:
                logger.info("The leader is pod %s: decisions are in its log", holder.rpartition("_")[0])


class AlwaysLeading:
    """Replaces Leadership where a single replica runs without a Lease."""

    def may_write(self) -> bool:
        """There is no other replica."""
        return True

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Only the request timeout applies."""
        async with asyncio.timeout(LeaseTiming().request_timeout_seconds):
            yield

    async def run(self) -> None:
        """There is nothing to hold."""

    async def resign(self) -> None:
        """There is nothing to free."""


Leads = Leadership | AlwaysLeading
"""Whether this replica may write, asked right before each write."""
