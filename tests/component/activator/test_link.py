"""The controller's end of the channel, against a whole activator."""

import asyncio
from pathlib import Path

from poolkeeper.api.activation import RoutingTable
from poolkeeper.sources.http.activator_link import ActivatorLink
from tests.component.activator.conftest import LOOPBACK
from tests.component.activator.test_control import Process


async def until(link: ActivatorLink, waiting: int, heard: asyncio.Event) -> None:
    """Wait until the activator reports so many held requests."""
    async with asyncio.timeout(10):
        while link.report is None or held(link) != waiting:
            heard.clear()
            await heard.wait()


async def silence(link: ActivatorLink, heard: asyncio.Event) -> None:
    """Wait until the activator reports nothing any more."""
    while link.report is not None:
        heard.clear()
        await heard.wait()


def held(link: ActivatorLink) -> int:
    """Held requests of all pools."""
    pools = link.report.pools if link.report else ()
    return sum(entry.requests for pool in pools for entry in pool.waiting)


async def test_tables_go_and_reports_come_until_the_activator_is_gone(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("right")
    process = Process(token_file)
    heard = asyncio.Event()
    link = ActivatorLink(LOOPBACK, process.control, token_file, heard.set)
    listening = asyncio.create_task(link.run())
    await until(link, 0, heard)

    assert await link.send(RoutingTable.model_validate_json(process.table(7)))
    assert not await link.send(RoutingTable.model_validate_json(process.table(6)))

    _, writer = await asyncio.open_connection(LOOPBACK, process.data)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    await until(link, 1, heard)
    assert link.report is not None
    assert link.report.table_version == 7
    writer.close()
    await until(link, 0, heard)

    process.stop.set()
    await process.task
    await asyncio.wait_for(silence(link, heard), 10)
    assert not await link.send(RoutingTable.model_validate_json(process.table(8)))
    listening.cancel()
