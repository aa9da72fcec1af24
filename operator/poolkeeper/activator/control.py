"""The HTTP interface for the controller, for probes and for Prometheus."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from prometheus_client import generate_latest
from pydantic import ValidationError

from poolkeeper.activator.reports import Reporter
from poolkeeper.activator.routing.pools import Pools
from poolkeeper.activator.routing.shared import Shared
from poolkeeper.activator.server import Server
from poolkeeper.activator.tokens import is_accepted
from poolkeeper.api.activation import REPORTS_PATH, ROUTES_PATH, RoutingTable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MOST_TABLE_BYTES = 16 * 1024 * 1024


class Control:
    """Takes routing tables from controllers that have the token, and streams reports to them."""

    def __init__(self, token_file: Path, pools: Pools, server: Server, reporter: Reporter) -> None:
        self._token_file = token_file
        self._pools = pools
        self._server = server
        self._reporter = reporter

    def application(self) -> web.Application:
        """The controller's side; every path needs the token."""
        application = web.Application(client_max_size=MOST_TABLE_BYTES, middlewares=[self._authenticate])
        application.router.add_put(ROUTES_PATH, self._put_routes)
        application.router.add_get(REPORTS_PATH, self._stream_reports)
        return application

    @web.middleware
    async def _authenticate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_accepted(request.headers.get("Authorization", ""), self._token_file):
            return web.Response(status=401, text="The bearer token is missing or not the shared one.\n")
        return await handler(request)

    async def _put_routes(self, request: web.Request) -> web.Response:
        try:
            table = RoutingTable.model_validate_json(await request.read())
        except ValidationError as error:
            return web.Response(status=400, text=f"This is not a routing table: {error}\n")
        if not self._pools.apply(table):
            return web.Response(
                status=409, text=f"The activator has a newer table: version {self._pools.table_version}.\n"
            )
        await self._server.listen()
        self._reporter.changed()
        return web.Response(status=204)

    async def _stream_reports(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async for report in self._reporter.follow():
            await response.write(report.model_dump_json(by_alias=True).encode() + b"\n")
        return response


def probes(shared: Shared) -> web.Application:
    """/healthz, /readyz and /metrics, without a token."""

    pools = shared.pools

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if pools.is_stopping:
            return web.Response(status=503, text="stopping\n")
        if not pools.table_version:
            return web.Response(status=503, text="no routing table from the controller yet\n")
        return web.Response(text="ok\n")

    async def metrics(_: web.Request) -> web.Response:
        shared.metrics.held_bytes.set(shared.budgets.bytes)
        text = generate_latest(shared.metrics.registry)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    application = web.Application()
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", metrics)
    return application
