"""Nobody calls for hours, then somebody does: whatever has a time limit has ended, and nothing is lost."""

import asyncio
from pathlib import Path

import httpx
import pytest

from hack.testing.clocks import LoopClock
from poolkeeper.api.activation import Replica, RoutingTable
from poolkeeper.sources.http.activator_link import ActivatorLink
from tests.component.activator.data_path import LOOPBACK
from tests.component.activator.exchanges import answer_ok
from tests.component.activator.process import ActivatorProcess, until_reported


@pytest.mark.parametrize("idle_minutes", [1, 45, 24 * 60])
async def test_a_cold_request_after_a_long_time_is_reported_and_answered(
    tmp_path: Path, clock: LoopClock, idle_minutes: int
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("right")
    process, heard = ActivatorProcess(token_file), asyncio.Event()
    replica = await asyncio.start_server(answer_ok, LOOPBACK, 0)
    process.backend = replica.sockets[0].getsockname()[1]
    link = ActivatorLink(LOOPBACK, process.control, token_file, heard.set)
    listening = asyncio.create_task(link.run())
    await until_reported(link, 0, heard)
    url, limits = f"http://{LOOPBACK}:{process.data}", httpx.Limits(keepalive_expiry=None)

    async def tell(table_version: int, *replicas: Replica) -> None:
        assert await link.send(RoutingTable.model_validate_json(process.table(table_version, *replicas)))

    async with httpx.AsyncClient(timeout=None, limits=limits) as client:
        await tell(1, Replica(address=LOOPBACK, slots=8))
        assert (await client.get(url)).text == "ok"
        await tell(2)
        await clock.jump(60.0 * idle_minutes)

        asking = asyncio.create_task(client.get(url))
        await until_reported(link, 1, heard)
        assert not asking.done()
        await tell(3, Replica(address=LOOPBACK, slots=8))
        assert (await asking).text == "ok"

    listening.cancel()
    replica.close()
    process.stop.set()
    await process.task
