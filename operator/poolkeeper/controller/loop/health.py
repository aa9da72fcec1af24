"""One small HTTP server: /healthz for restarts, /readyz for rollouts, /metrics for Prometheus."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

LONGEST_WAITING_SECONDS = 120.0
"""If a pool waits for longer and no look at another pool ends meanwhile, the loop is stuck."""

Handler = Callable[[web.Request], Awaitable[web.Response]]
Check = Callable[[], str | None]
"""What is wrong, as a sentence; None where nothing is."""


@asynccontextmanager
async def serving(
    address: str, registry: CollectorRegistry, *, live: Mapping[str, Check], ready: Mapping[str, Check]
) -> AsyncIterator[None]:
    """Serve on HOST:PORT while the block runs. Raises ValueError, OSError."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise ValueError(f"--listen {address!r} is not an address: write HOST:PORT, for example 0.0.0.0:8080")
    app = web.Application()
    app.router.add_get("/healthz", _checking(live))
    app.router.add_get("/readyz", _checking(ready))
    app.router.add_get("/metrics", _exposing(registry))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
        yield
    finally:
        await runner.cleanup()


def _checking(checks: Mapping[str, Check]) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        problems = {name: problem for name, check in checks.items() if (problem := check())}
        body = {"status": "failing" if problems else "ok", "problems": problems}
        return web.json_response(body, status=503 if problems else 200)

    return answer


def _exposing(registry: CollectorRegistry) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        # In a thread, so that thousands of pools don't hold up the loop.
        text = await asyncio.to_thread(generate_latest, registry)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return answer
