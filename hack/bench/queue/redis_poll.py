"""Cost of one poll of 10,000 Redis lists: Poolkeeper's batches beside three ways of redis-py.

All read the same lists from one local server, in turns. `batches` includes making and publishing a Sample
for each list; the other ways stop at the bare numbers. CPU is that of this process, without the server's.
"""

import argparse
import asyncio
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import redis.asyncio

from hack.testing.redis_server import redis_binary
from poolkeeper.api.demand import DemandSource, RedisList
from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import PoolKey
from poolkeeper.sources.link import BATCH_QUEUES
from poolkeeper.sources.queue import Session
from poolkeeper.sources.redis.server import RedisServer
from poolkeeper.sources.redis.wire import Wire, pack
from poolkeeper.sources.registry import queue_of
from poolkeeper.sources.watch import Watch

Round = Callable[[], Awaitable[None]]
LENGTHS = "local found = {} for i, key in ipairs(KEYS) do found[i] = redis.call('LLEN', key) end return found"


@contextmanager
def redis_server() -> Iterator[int]:
    """A server on a free local port, in a folder that is removed; yields the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        options = ("--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", "")
        process = subprocess.Popen([redis_binary(), *options], stdout=subprocess.DEVNULL)
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


async def filled(port: int, lists: int) -> redis.asyncio.Redis:
    """A redis-py client of a server that holds this many lists, every other one with a job."""
    client = redis.asyncio.Redis(port=port)
    for attempt in range(200):
        try:
            await client.ping()
            break
        except redis.ConnectionError:
            if attempt == 199:
                raise
            await asyncio.sleep(0.05)
    async with client.pipeline(transaction=False) as batch:
        for number in range(0, lists, 2):
            batch.lpush(f"jobs-{number}", "job")
        await batch.execute()
    return client


def pipeline_round(client: redis.asyncio.Redis, lists: int) -> Round:
    """One round through redis-py."""

    async def read() -> None:
        async with client.pipeline(transaction=False) as batch:
            for number in range(lists):
                batch.llen(f"jobs-{number}")
            depths = await batch.execute()
        assert sum(depths) == lists // 2

    return read


async def connection_round(port: int, lists: int) -> Round:
    """One round through redis-py's connection, below its client: packed once, replies read one by one."""
    connection = redis.asyncio.Connection(host="127.0.0.1", port=port)
    await connection.connect()  # type: ignore[no-untyped-call]
    request = packed(lists)

    async def read() -> None:
        await connection.send_packed_command([request])
        depths = [await connection.read_response() for _ in range(lists)]
        assert sum(map(int, depths)) == lists // 2

    return read


async def script_round(client: redis.asyncio.Redis, lists: int) -> Round:
    """One round as one script in the server."""
    digest = await client.script_load(LENGTHS)
    keys = [f"jobs-{number}" for number in range(lists)]

    async def read() -> None:
        depths = await client.evalsha(digest, lists, *keys)
        assert sum(depths) == lists // 2

    return read


async def wire_round(port: int, lists: int) -> Round:
    """One round through our connection, up to the bare numbers."""
    wire = await Wire.connect("127.0.0.1", port, None, None)
    request = packed(lists)

    async def read() -> None:
        depths = await wire.exchange(request, lists)
        assert sum(depth for depth in depths if isinstance(depth, int)) == lists // 2

    return read


def packed(lists: int) -> bytes:
    """The commands for the length of each list."""
    return b"".join(pack("LLEN", f"jobs-{number}") for number in range(lists))


def batch_round(session: Session, port: int, lists: int) -> Round:
    """One round as the operator does it, from the request to the published samples."""
    published: list[object] = []
    watches = [watch_of(port, number, published) for number in range(lists)]

    async def read() -> None:
        published.clear()
        for start in range(0, lists, BATCH_QUEUES):
            batch = watches[start : start + BATCH_QUEUES]
            outcomes = await session.read([watch.queue for watch in batch])
            now = time.time()
            for watch, outcome in zip(batch, outcomes, strict=True):
                assert not isinstance(outcome, Exception)
                watch.report(outcome, now, session.server_id)
        assert len(published) == lists

    return read


def watch_of(port: int, number: int, published: list[object]) -> Watch:
    """One pool's list, whose samples are collected."""
    queue = RedisList(address=f"127.0.0.1:{port}", list=f"jobs-{number}")
    source = DemandSource(name="queue", redis_list=queue)
    pool = PoolKey("serving", f"pool-{number}")
    return Watch(pool, source.name, 0.5, queue_of(source), lambda _, sample: published.append(sample))


async def cost(read: Round) -> tuple[float, float]:
    """Milliseconds of wall time and of this process' CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    await read()
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


async def measure(port: int, lists: int, rounds: int) -> None:
    """Read in turns and print medians."""
    client = await filled(port, lists)
    session = await RedisServer("127.0.0.1", port).open(AddressPolicy.from_cidrs(allowed=["127.0.0.0/8"]))
    readers = {
        "redis-py pipeline": pipeline_round(client, lists),
        "redis-py connection": await connection_round(port, lists),
        "redis-py script": await script_round(client, lists),
        "own connection": await wire_round(port, lists),
        "batches": batch_round(session, port, lists),
    }
    costs: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
    for _ in range(rounds + 1):
        for name, read in readers.items():
            costs[name].append(await cost(read))
    medians = {
        name: [statistics.median(column) for column in zip(*rows[1:], strict=True)]
        for name, rows in costs.items()
    }
    for name, (wall, cpu) in medians.items():
        print(f"{name:20} {lists:>7,} lists: {wall:7.1f} ms wall, {cpu:7.1f} ms CPU a round")
    ratio = medians["redis-py pipeline"][1] / medians["batches"][1]
    print(f"a pipeline costs {ratio:.1f} times the CPU of batches (median of {rounds} rounds)")
    session.close()
    await client.aclose()


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.add_argument("--lists", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    with redis_server() as port:
        asyncio.run(measure(port, options.lists, options.rounds))
    return 0
