"""A whole activator with its ports, and the controller's end of the channel to it."""

import asyncio
from pathlib import Path

import aiohttp

from hack.testing.ports import free_port
from poolkeeper.activator.process import Settings, run
from poolkeeper.api.activation import PoolRoute, PortRoute, Replica, RoutingTable
from poolkeeper.sources.http.activator_link import ActivatorLink
from tests.component.activator.data_path import LOOPBACK

TOKEN = {"Authorization": "Bearer right"}


class ActivatorProcess:
    """One whole activator on 127.0.0.1, with its ports."""

    def __init__(self, token_file: Path, notice_seconds: float = 0.0) -> None:
        self.token_file = token_file
        self.control, self.probes, self.data = free_port(), free_port(), free_port()
        self.backend = 1
        self.stop = asyncio.Event()
        settings = Settings(
            identity="activator-0/1",
            token_file=token_file,
            control=(LOOPBACK, self.control),
            probes=(LOOPBACK, self.probes),
            data_host=LOOPBACK,
            notice_seconds=notice_seconds,
            leave_seconds=0.1,
            grace_seconds=2.0,
        )
        self.task = asyncio.create_task(run(settings, self.stop))

    def table(self, table_version: int, *replicas: Replica) -> str:
        """One pool, as JSON."""
        ports = (PortRoute(service="chat", listen_port=self.data, backend_port=self.backend),)
        route = PoolRoute(namespace="serving", name="chat", ports=ports, replicas=replicas, hold_seconds=30)
        return RoutingTable(table_version=table_version, pools=(route,)).model_dump_json(by_alias=True)

    async def until_up(self, client: aiohttp.ClientSession) -> None:
        """Wait until it answers its probes."""
        while True:
            try:
                async with client.get(f"http://{LOOPBACK}:{self.probes}/healthz") as response:
                    assert response.status == 200
                    return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.01)

    async def until_metrics_say(self, client: aiohttp.ClientSession, line: str) -> None:
        """Wait until this line is in the metrics."""
        async with asyncio.timeout(10):
            while True:
                async with client.get(f"http://{LOOPBACK}:{self.probes}/metrics") as response:
                    if line in (await response.text()).splitlines():
                        return

    def url(self, path: str) -> str:
        """Where the controller goes."""
        return f"http://{LOOPBACK}:{self.control}{path}"


async def put(client: aiohttp.ClientSession, process: ActivatorProcess, table: str) -> int:
    """Status of sending a table."""
    async with client.put(process.url("/v1/routes"), data=table, headers=TOKEN) as response:
        return response.status


async def until_reported(link: ActivatorLink, waiting: int, heard: asyncio.Event) -> None:
    """Wait until the activator reports so many held requests."""
    async with asyncio.timeout(10):
        while link.report is None or held(link) != waiting:
            heard.clear()
            await heard.wait()


def held(link: ActivatorLink) -> int:
    """Held requests of all pools."""
    pools = link.report.pools if link.report else ()
    return sum(entry.requests for pool in pools for entry in pool.waiting)
