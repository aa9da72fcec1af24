"""The controller's end of the channel, against a whole activator."""

import asyncio
from pathlib import Path

from poolkeeper.api.activation import RoutingTable
from poolkeeper.sources.http.activator_link import ActivatorLink
from tests.component.activator.data_path import LOOPBACK
from tests.component.activator.process import ActivatorProcess, until_reported


async def silence(link: ActivatorLink, heard: asyncio.Event) -> None:
    """Wait until the activator reports nothing any more."""
    while link.report is not None:
        heard.clear()
        await heard.wait()


async def test_tables_go_and_reports_come_until_the_activator_is_gone(tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("right")
    process = ActivatorProcess(token_file)
    heard = asyncio.Event()
    link = ActivatorLink(LOOPBACK, process.control, token_file, heard.set)
    listening = asyncio.create_task(link.run())
    await until_reported(link, 0, heard)

    assert await link.send(RoutingTable.model_validate_json(process.table(7)))
    assert not await link.send(RoutingTable.model_validate_json(process.table(6)))

    _, writer = await asyncio.open_connection(LOOPBACK, process.data)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    await until_reported(link, 1, heard)
    assert link.report is not None
    assert link.report.table_version == 7
    writer.close()
    await until_reported(link, 0, heard)

    process.stop.set()
    await process.task
    await asyncio.wait_for(silence(link, heard), 10)
    assert not await link.send(RoutingTable.model_validate_json(process.table(8)))
    listening.cancel()
