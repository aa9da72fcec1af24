"""The loop: takes each pool that is due and looks at it; a pool that fails or hangs delays no other."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Protocol

from poolkeeper.backoff import Backoff
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.loop.timings import Timings
from poolkeeper.core.values.identity import PoolKey

logger = logging.getLogger(__name__)

CONCURRENT_POOLS = 32
RETRIES = Backoff(first_seconds=1.0, longest_seconds=300.0)


class LooksAtPools(Protocol):
    """Does the work of one look at one pool."""

    async def reconcile(self, key: PoolKey) -> float | None:
        """Bring a pool up to date; returns when to come back without news."""

    async def explain_failure(self, key: PoolKey, error: Exception) -> None:
        """Say on the pool what went wrong."""


class Loop:
    """Looks at up to CONCURRENT_POOLS pools at the same time, each in a task of its own."""

    def __init__(
        self,
        agenda: Agenda[PoolKey],
        reconciler: LooksAtPools,
        timings: Timings,
        clock: Callable[[], float],
        *,
        retries: Backoff = RETRIES,
    ) -> None:
        self._agenda = agenda
        self._reconciler = reconciler
        self._timings = timings
        self._clock = clock
        self._retries = retries
        self._ended_at = clock()
        self._slots = asyncio.Semaphore(CONCURRENT_POOLS)

    def stuck_seconds(self) -> float:
        """How long a pool has waited while no look ended. Waiting alone is no sign of a stuck loop: with a
        slow API server many pools wait, and a restart would only lose what is known."""
        return min(self._agenda.longest_waiting_seconds(), self._clock() - self._ended_at)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as looks:
            while True:
                await self._slots.acquire()
                key = await self._agenda.take()
                # Not at the end of `_look`: a look may be cancelled before it begins.
                looks.create_task(self._look(key)).add_done_callback(partial(self._ended, key))

    def _ended(self, key: PoolKey, _: object) -> None:
        self._ended_at = self._clock()
        self._agenda.done(key)
        self._slots.release()

    async def _look(self, key: PoolKey) -> None:
        try:
            come_back_at = await self._reconciler.reconcile(key)
            self._agenda.release(key)
            if come_back_at is not None:
                self._agenda.schedule(key, come_back_at)
        except Exception as error:
            await self._back_off(key, error)

    async def _back_off(self, key: PoolKey, error: Exception) -> None:
        logger.exception("The decision about a pool has failed", extra={"pool": str(key)})
        self._timings.pool_errors.inc()
        # The agenda counts the failures, since it forgets a pool that is deleted meanwhile.
        self._agenda.hold(key, self._clock() + self._retries.pause_seconds(self._agenda.holds(key)))
        try:
            await self._reconciler.explain_failure(key, error)
        except Exception:
            logger.exception("The failure could not be reported as a condition", extra={"pool": str(key)})
