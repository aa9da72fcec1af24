"""A replica, nginx and the activator as processes on 127.0.0.1, for the benchmark."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import aiohttp

from hack.testing.ports import free_port
from poolkeeper.api.activation import PoolRoute, PortRoute, Report, RoutingTable
from poolkeeper.api.activation import Replica as RouteReplica

LOOPBACK = "127.0.0.1"
TOKEN = "bench"
FRONT_CORE = {max(os.sched_getaffinity(0))}


class Replica:
    """Answers every request with the same bytes after some work, and counts how many it has at once."""

    def __init__(
        self, response: bytes, port: int, *, address: str = LOOPBACK, work_seconds: float = 0.0
    ) -> None:
        self._response = response
        self._server: asyncio.Server | None = None
        self.address = address
        self.port = port
        self.work_seconds = work_seconds
        self.answered = self.at_once = self.most_at_once = 0

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Answering(self), self.address, self.port, backlog=4096
        )

    def begin(self) -> None:
        """A request's first bytes have come."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)

    def stop(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()

    @property
    def response(self) -> bytes:
        """What it answers."""
        return self._response


class _Answering(asyncio.Protocol):
    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._left: int | None = None
        self._head = b""
        self._is_busy = self._closes = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_busy:
            self._replica.at_once -= 1

    def data_received(self, data: bytes) -> None:
        if not self._is_busy:
            self._is_busy = True
            self._replica.begin()
        if self._left is None:
            self._head += data
            head, blank, body = self._head.partition(b"\r\n\r\n")
            if not blank:
                return
            lower = head.lower()
            self._closes = b"connection: close" in lower
            self._left = int(lower.partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0") - len(body)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._left, self._head = None, b""
            if self._replica.work_seconds:
                asyncio.get_running_loop().call_later(self._replica.work_seconds, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if self._transport.is_closing():
            return
        self._is_busy = False
        self._replica.at_once -= 1
        self._replica.answered += 1
        self._transport.write(self._replica.response)
        if self._closes:
            self._transport.close()


@dataclass
class Front:
    """A front under test."""

    process: int
    port: int
    control: int = 0
    backend: int = 0
    table_version: int = field(default=0)

    async def route_to(self, slots: int, *addresses: str) -> None:
        """Replicas are ready at these addresses, with this many slots each."""
        await self._route(*(RouteReplica(address=each, slots=slots) for each in addresses))

    async def route_to_nothing(self) -> None:
        """The pool is at zero."""
        await self._route()

    async def _route(self, *replicas: RouteReplica) -> None:
        self.table_version += 1
        route = PoolRoute(
            namespace="bench",
            name="bench",
            ports=(PortRoute(service="chat", listen_port=self.port, backend_port=self.backend),),
            replicas=replicas,
            hold_seconds=600,
            held_requests=20_000,
            held_bytes=2**31,
        )
        table = RoutingTable(table_version=self.table_version, valid_seconds=600, pools=(route,))
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client,
            client.put(
                f"http://{LOOPBACK}:{self.control}/v1/routes", data=table.model_dump_json(by_alias=True)
            ) as response,
        ):
            response.raise_for_status()

    async def held(self) -> int:
        """Requests that it holds."""
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as client,
            client.get(f"http://{LOOPBACK}:{self.control}/v1/reports") as response,
        ):
            report = Report.model_validate_json(await response.content.readline())
        return sum(entry.requests for pool in report.pools for entry in pool.waiting)


@asynccontextmanager
async def activator(folder: Path, backend: int, checkout: Path | None = None) -> AsyncIterator[Front]:
    """`poolkeeper activator` on a core of its own; its code comes from `checkout`, else from this one."""
    token_file = folder / "token"
    token_file.write_text(TOKEN)
    control, probes = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "poolkeeper", "activator", "--token-file", str(token_file),
        "--control", f"{LOOPBACK}:{control}", "--listen", f"{LOOPBACK}:{probes}", "--grace-seconds", "1",
        stderr=(folder / "activator.log").open("wb"),
        env=os.environ | ({"PYTHONPATH": str(checkout / "operator")} if checkout else {}),
    )  # fmt: skip
    await _until_open(control)
    os.sched_setaffinity(process.pid, FRONT_CORE)
    try:
        yield Front(process.pid, free_port(), control, backend)
    finally:
        process.kill()
        await process.wait()


@dataclass
class PlainProxy(Front):
    """The proxy of `aiohttp_proxy`, which knows neither tables nor reports."""

    async def _route(self, *replicas: RouteReplica) -> None:
        addresses = ",".join(f"http://{replica.address}:{self.backend}" for replica in replicas)
        await self._ask("PUT", addresses)

    async def held(self) -> int:
        """Requests that it holds."""
        return int(await self._ask("GET"))

    async def _ask(self, method: str, data: str = "") -> str:
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, f"http://{LOOPBACK}:{self.control}", data=data) as response,
        ):
            response.raise_for_status()
            return await response.text()


@asynccontextmanager
async def plain_proxy(folder: Path, backend: int) -> AsyncIterator[Front]:
    """A proxy of aiohttp's own server and client on a core of its own."""
    port, control = free_port(), free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hack.bench.http.scene.aiohttp_proxy", str(port), str(control),
        stderr=(folder / "aiohttp.log").open("wb"),
    )  # fmt: skip
    await _until_open(control)
    os.sched_setaffinity(process.pid, FRONT_CORE)
    try:
        yield PlainProxy(process.pid, port, control, backend)
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def nginx(folder: Path, backend: int) -> AsyncIterator[Front]:
    """nginx with one worker that proxies as the activator does: a new connection for each request."""
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""
        worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
        events {{ worker_connections 20000; }}
        http {{
          access_log {folder}/access.log;
          client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
          keepalive_requests 100000000;
          server {{ listen {LOOPBACK}:{port}; location / {{ proxy_pass http://{LOOPBACK}:{backend}; }} }}
        }}
        """
    )
    process = await asyncio.create_subprocess_exec("nginx", "-c", str(folder / "nginx.conf"))
    await _until_open(port)
    for pid in (process.pid, *children(process.pid)):
        os.sched_setaffinity(pid, FRONT_CORE)
    try:
        yield Front(process.pid, port)
    finally:
        process.terminate()
        await process.wait()


def children(process: int) -> list[int]:
    """Process ids of a process's children."""
    return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


async def _until_open(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
