"""Keeps a part of the controller running: a fault in one part must not end all the others."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from poolkeeper.backoff import Backoff

logger = logging.getLogger(__name__)

RESTARTS = Backoff(first_seconds=0.5, longest_seconds=30.0)


async def keep_running(name: str, run: Callable[[], Awaitable[None]], *, pauses: Backoff = RESTARTS) -> None:
    """Run a part until it returns or is cancelled; one that raises is logged, and runs again after a pause.

    A run that lasted longer than the longest pause ends the row of failures.
    """
    loop = asyncio.get_running_loop()
    failures = 0
    while True:
        began_at = loop.time()
        try:
            await run()
            return
        except Exception:
            if loop.time() - began_at > pauses.longest_seconds:
                failures = 0
            pause_seconds = pauses.pause_seconds(failures)
            failures += 1
            logger.exception("Part %s has failed and runs again in %.1f s", name, pause_seconds)
            await asyncio.sleep(pause_seconds)
