"""Waiting for what another process, or another task, does in its own time."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 90.0
"""For a wait whose length is not what the test is about."""
LOOK_EVERY_SECONDS = 0.02


async def eventually(
    holds: Callable[[], bool | Awaitable[bool]], what: str, seconds: float = PATIENCE_SECONDS
) -> None:
    """Returns once something holds; fails if that takes longer than `seconds`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = holds()
        if await found if inspect.isawaitable(found) else found:
            return
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(LOOK_EVERY_SECONDS)
