"""Waiting for what another process does in its own time."""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 90.0


async def eventually(holds: Callable[[], bool], what: str) -> None:
    """Returns as soon as it holds; the limit is generous, since nothing is measured here."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, f"not within {PATIENCE_SECONDS:g} s: {what}"
        await asyncio.sleep(0.02)
