"""The controller's channel: who may use it, what it brings, and how soon news of a request arrives."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from hack.testing.clocks import LoopClock
from poolkeeper.api.activation import Report
from tests.component.activator.data_path import LOOPBACK
from tests.component.activator.process import TOKEN, ActivatorProcess, put

ONE_HELD = 'poolkeeper_activator_held_requests{namespace="serving",pool="chat"} 1.0'


@pytest_asyncio.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest_asyncio.fixture
async def process(tmp_path: Path, client: aiohttp.ClientSession) -> AsyncIterator[ActivatorProcess]:
    token_file = tmp_path / "token"
    token_file.write_text("right\n")
    process = ActivatorProcess(token_file)
    await process.until_up(client)
    yield process
    process.stop.set()
    await process.task


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}])
async def test_without_the_token_nothing_is_taken_and_nothing_told(
    process: ActivatorProcess, client: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    async with client.put(process.url("/v1/routes"), data=process.table(1), headers=headers) as refused:
        assert refused.status == 401
    async with client.get(process.url("/v1/reports"), headers=headers) as refused:
        assert refused.status == 401


async def test_a_token_of_strange_bytes_is_a_wrong_token(process: ActivatorProcess) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, process.control)
    writer.write(b"GET /v1/reports HTTP/1.1\r\nHost: a\r\nConnection: close\r\n")
    writer.write(b"Authorization: Bearer \xff\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 401")
    writer.close()


async def test_a_rotated_token_is_accepted_at_once(
    process: ActivatorProcess, client: aiohttp.ClientSession
) -> None:
    process.token_file.write_text("new\nright\n")
    async with client.put(
        process.url("/v1/routes"), data=process.table(1), headers={"Authorization": "Bearer new"}
    ) as response:
        assert response.status == 204


async def test_ready_only_with_a_table(process: ActivatorProcess, client: aiohttp.ClientSession) -> None:
    async with client.get(f"http://{LOOPBACK}:{process.probes}/readyz") as response:
        assert response.status == 503
    assert await put(client, process, process.table(1)) == 204
    async with client.get(f"http://{LOOPBACK}:{process.probes}/readyz") as response:
        assert response.status == 200


async def test_bad_and_older_tables_are_refused(
    process: ActivatorProcess, client: aiohttp.ClientSession
) -> None:
    assert await put(client, process, process.table(5)) == 204
    assert await put(client, process, process.table(4)) == 409
    assert await put(client, process, "{") == 400


async def test_a_held_request_is_reported_at_once(
    process: ActivatorProcess, client: aiohttp.ClientSession
) -> None:
    await put(client, process, process.table(1))
    async with client.get(process.url("/v1/reports"), headers=TOKEN) as stream:
        first = Report.model_validate_json(await stream.content.readline())
        assert (first.table_version, first.unbound_ports, first.pools[0].waiting) == (1, (), ())

        _, writer = await asyncio.open_connection(LOOPBACK, process.data)
        writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
        waiting = 0
        async with asyncio.timeout(5):
            while not waiting:
                report = Report.model_validate_json(await stream.content.readline())
                waiting = sum(entry.requests for entry in report.pools[0].waiting)
    writer.close()
    assert waiting == 1


async def test_metrics_by_pool(process: ActivatorProcess, client: aiohttp.ClientSession) -> None:
    await put(client, process, process.table(1))
    _, writer = await asyncio.open_connection(LOOPBACK, process.data)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    await process.until_metrics_say(client, ONE_HELD)
    writer.close()


async def test_told_to_stop_it_answers_whom_it_can_not_serve(
    process: ActivatorProcess, client: aiohttp.ClientSession
) -> None:
    await put(client, process, process.table(1))
    reader, writer = await asyncio.open_connection(LOOPBACK, process.data)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    await process.until_metrics_say(client, ONE_HELD)
    process.stop.set()
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"The request was not executed: try again" in answer


async def test_it_stays_until_a_controller_knows_that_it_leaves(
    tmp_path: Path, client: aiohttp.ClientSession, clock: LoopClock
) -> None:
    """While nobody leads it is still an endpoint: connections to it must not be refused."""
    token_file = tmp_path / "token"
    token_file.write_text("right\n")
    process = ActivatorProcess(token_file, notice_seconds=30.0)
    await process.until_up(client)
    assert await put(client, process, process.table(1)) == 204
    process.stop.set()
    await clock.jump(1.5)
    assert not process.task.done()

    assert await put(client, process, process.table(2)) == 204
    async with asyncio.timeout(2.0):
        await process.task
