"""Model servers on 127.0.0.0/8 whose metrics are read: busy, quick, restarted, silent."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http.scrape import ModelServers


class FakeServer:
    """What one server's /metrics shows."""

    def __init__(self) -> None:
        self.running = self.waiting = self.answered = 0
        self.status = 200
        self.body = b""
        self.encoding = "identity"

    async def metrics(self, _: web.Request) -> web.Response:
        if self.body:
            headers = {"Content-Encoding": self.encoding}
            return web.Response(body=self.body, headers=headers)
        text = (
            f'vllm:num_requests_running{{model_name="m"}} {self.running}\n'
            f'vllm:num_requests_waiting{{model_name="m"}} {self.waiting}\n'
            f'vllm:request_success_total{{model_name="m"}} {self.answered}\n'
        )
        return web.Response(text=text, status=self.status)


Start = Callable[[str], Awaitable[FakeServer]]


class Port:
    """The port that all servers share, chosen by the first."""

    number = 0


@pytest_asyncio.fixture
async def start() -> AsyncIterator[Start]:
    runners: list[web.AppRunner] = []
    Port.number = 0

    async def start(address: str) -> FakeServer:
        server = FakeServer()
        app = web.Application()
        app.router.add_get("/metrics", server.metrics)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, address, Port.number).start()
        Port.number = runner.addresses[0][1]
        runners.append(runner)
        return server

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest_asyncio.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield session


async def test_the_load_of_all_servers_is_added_up(start: Start, client: aiohttp.ClientSession) -> None:
    one, other = await start("127.0.0.1"), await start("127.0.0.2")
    one.running, one.waiting, other.running = 3, 1, 2
    load = await ModelServers(port=Port.number).read(client, ["127.0.0.1", "127.0.0.2"])
    assert (load.waiting, load.in_flight, dict(load.running)) == (1, 5, {"127.0.0.1": 3, "127.0.0.2": 2})


async def test_a_request_that_came_and_went_between_two_readings_is_seen(
    start: Start, client: aiohttp.ClientSession
) -> None:
    server = await start("127.0.0.1")
    servers = ModelServers(port=Port.number)
    assert (await servers.read(client, ["127.0.0.1"])).in_flight == 0
    server.answered += 1
    assert (await servers.read(client, ["127.0.0.1"])).in_flight == 1
    assert (await servers.read(client, ["127.0.0.1"])).in_flight == 0


async def test_counters_of_a_server_that_started_anew_are_no_idleness(
    start: Start, client: aiohttp.ClientSession
) -> None:
    server = await start("127.0.0.1")
    server.answered = 9
    servers = ModelServers(port=Port.number)
    await servers.read(client, ["127.0.0.1"])
    server.answered = 1
    assert (await servers.read(client, ["127.0.0.1"])).was_active


async def test_no_ready_server_is_no_load(client: aiohttp.ClientSession) -> None:
    load = await ModelServers(port=1).read(client, [])
    assert (load.waiting, load.in_flight) == (0, 0)


@pytest.mark.parametrize("fault", ["status", "nobody listens", "silence"])
async def test_one_server_that_can_not_be_read_makes_the_load_unknown(
    start: Start, client: aiohttp.ClientSession, fault: str
) -> None:
    await start("127.0.0.1")
    addresses = ["127.0.0.1", "127.0.0.2"]
    if fault == "status":
        (await start("127.0.0.2")).status = 503
    servers = ModelServers(port=Port.number, timeout_seconds=0.0 if fault == "silence" else 2.0)
    with pytest.raises(SourceFailure) as failure:
        await servers.read(client, addresses)
    assert failure.value.reason == ("MetricsRefused" if fault == "nobody listens" else "MetricsUnreadable")


async def test_a_pod_that_still_loads_has_no_load(start: Start, client: aiohttp.ClientSession) -> None:
    """It is Ready without a readiness probe: where nothing listens, nothing is worked on."""
    (await start("127.0.0.1")).running = 2
    servers, both = ModelServers(port=Port.number), ["127.0.0.1", "127.0.0.2"]
    load = await servers.read(client, both, loading={"127.0.0.2"})
    assert (load.in_flight, dict(load.running)) == (2, {"127.0.0.1": 2})
    (await start("127.0.0.2")).answered = 7
    load = await servers.read(client, both, loading={"127.0.0.2"})
    assert (load.in_flight, load.was_active) == (2, False)


@pytest.mark.parametrize("fault", ["status", "silence"])
async def test_a_pod_that_loads_and_does_answer_counts(
    start: Start, client: aiohttp.ClientSession, fault: str
) -> None:
    (await start("127.0.0.1")).status = 503
    servers = ModelServers(port=Port.number, timeout_seconds=0.0 if fault == "silence" else 2.0)
    with pytest.raises(SourceFailure):
        await servers.read(client, ["127.0.0.1"], loading={"127.0.0.1"})


async def test_a_pod_that_is_not_ready_any_more_counts_as_long_as_it_answers(
    start: Start, client: aiohttp.ClientSession
) -> None:
    (await start("127.0.0.1")).running = 1
    (await start("127.0.0.2")).running = 2
    load = await ModelServers(port=Port.number).read(client, ["127.0.0.1"], fallen=["127.0.0.2"])
    assert dict(load.running) == {"127.0.0.1": 1, "127.0.0.2": 2}


@pytest.mark.parametrize("fault", ["status", "nobody listens"])
async def test_a_pod_that_is_not_ready_any_more_and_does_not_answer_makes_nothing_unknown(
    start: Start, client: aiohttp.ClientSession, fault: str
) -> None:
    (await start("127.0.0.1")).running = 1
    if fault == "status":
        (await start("127.0.0.2")).status = 503
    load = await ModelServers(port=Port.number).read(client, ["127.0.0.1"], fallen=["127.0.0.2"])
    assert dict(load.running) == {"127.0.0.1": 1}


async def test_a_pod_that_is_not_ready_any_more_and_hangs_makes_nothing_unknown(
    client: aiohttp.ClientSession,
) -> None:
    load = await ModelServers(port=1, timeout_seconds=0.0).read(client, [], fallen=["127.0.0.2"])
    assert (load.in_flight, dict(load.running)) == (0, {})


LINE = b"vllm:num_requests_running 0\n"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (
            b"vllm:num_requests_running{"
            + b",".join(b'a%d="x"' % each for each in range(600_000))
            + b"} 0\n",
            "",
        ),
        (LINE * 280_000, ""),
        (b"\n" * 8_000_000, ""),
        ((b"o" * 60 + b"\n") * 150_000, ""),
        (gzip.compress(LINE * 400_000), "gzip"),
    ],
    ids=["labels", "lines", "empty lines", "too many bytes", "gzip"],
)
async def test_metrics_beyond_the_bounds_make_the_load_unknown_and_hold_up_nobody(
    start: Start, client: aiohttp.ClientSession, body: bytes, encoding: str
) -> None:
    server = await start("127.0.0.1")
    server.body, server.encoding = body, encoding or "identity"
    servers = ModelServers(port=Port.number)
    reading = asyncio.create_task(servers.read(client, ["127.0.0.1"]))
    longest = 0.0
    while not reading.done():
        began = time.monotonic()
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - began)
    with pytest.raises(SourceFailure) as failure:
        await reading
    assert failure.value.reason == "MetricsUnreadable"
    assert longest < 0.25


async def test_a_server_whose_metrics_take_long_to_parse_is_read_less_often(
    start: Start, client: aiohttp.ClientSession
) -> None:
    server = await start("127.0.0.1")
    server.body = LINE * 37_000
    servers = ModelServers(port=Port.number)
    began = time.process_time()
    await servers.read(client, ["127.0.0.1"])
    spent = time.process_time() - began
    waits_from = time.monotonic()
    await servers.read(client, ["127.0.0.1"])
    assert time.monotonic() - waits_from > 3 * spent


async def test_after_the_last_replica_has_stopped_no_reading_waits(
    start: Start, client: aiohttp.ClientSession
) -> None:
    """Until a reading ends, a request that an activator holds is not seen."""
    server = await start("127.0.0.1")
    server.body = LINE * 37_000
    servers = ModelServers(port=Port.number)
    began = time.process_time()
    await servers.read(client, ["127.0.0.1"])
    spent = time.process_time() - began
    waits_from = time.monotonic()
    await servers.read(client, [])
    assert time.monotonic() - waits_from < spent
