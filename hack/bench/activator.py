"""The activator beside nginx on the same path: latency added at a fixed rate, memory while holding, pacing.

    python -m hack.bench.activator [--rate 1000] [--seconds 15] [--held 10000] [--body-bytes 8192]

Everything runs on 127.0.0.1. The front under test has a core of its own where the machine has two; the load
and the replica share the other one, so the figures beside nginx in the same run are what counts.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from hack.bench.activator_world import Front, Replica, activator, children, nginx

RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class Latencies:
    """Of requests at a fixed rate, in milliseconds."""

    p50: float
    p99: float
    failed: int
    achieved_rate: float
    cpu_share: float


class Client(asyncio.Protocol):
    """One keep-alive connection that sends a request and waits for its whole answer."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        self._received += data
        if self._answer and not self._answer.done() and self._received.endswith(b"\r\n\r\n{}"):
            self._answer.set_result(self._received)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: closed."""
        self._transport = None
        if self._answer and not self._answer.done():
            self._answer.set_result(self._received)

    def request(self, data: bytes) -> asyncio.Future[bytes]:
        """The answer to come."""
        assert self._transport is not None
        self._received = b""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return self._answer

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._transport is not None

    def close(self) -> None:
        """Close it."""
        if self._transport:
            self._transport.close()


def request_of(body_bytes: int) -> bytes:
    """A chat completion's head and a body of this size."""
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: chat.serving.svc\r\nUser-Agent: bench\r\n"
        "Authorization: Bearer key\r\nContent-Type: application/json\r\nAccept: */*\r\n"
        f"Content-Length: {body_bytes}\r\n\r\n"
    )
    return head.encode() + b"x" * body_bytes


async def at_rate(port: int, process: int, rate: int, seconds: float) -> Latencies:
    """Sends at fixed instants whatever the answers do, so that a slow front can't slow its own load."""
    loop = asyncio.get_running_loop()
    idle: list[Client] = []
    latencies: list[float] = []
    failed = 0
    data = request_of(200)

    async def one(due: float) -> None:
        nonlocal failed
        client = idle.pop() if idle else None
        if client is None or not client.is_open:
            _, client = await loop.create_connection(Client, "127.0.0.1", port)
        answer = await client.request(data)
        if answer.startswith(b"HTTP/1.1 200"):
            latencies.append((loop.time() - due) * 1000)
        else:
            failed += 1
        idle.append(client)

    began, cpu_before = loop.time(), cpu_seconds(process)
    running = set()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (ahead := due - loop.time()) > 0:
            await asyncio.sleep(ahead)
        running.add(task := loop.create_task(one(due)))
        task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    took = loop.time() - began
    share = (cpu_seconds(process) - cpu_before) / took
    for client in idle:
        client.close()
    percentiles = statistics.quantiles(latencies, n=100)
    return Latencies(percentiles[49], percentiles[98], failed, len(latencies) / took, share)


def cpu_seconds(process: int) -> float:
    """CPU time that a process and its children of now have used."""
    pids = (process, *children(process))
    ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in pids]
    return sum(int(user) + int(system) for user, system in ticks) / os.sysconf("SC_CLK_TCK")


def resident_mib(process: int) -> float:
    """Memory of a process."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


async def hold(front: Front, replica: Replica, held: int, body_bytes: int, slots: int) -> None:
    """Holds requests at zero, then lets them go to one replica by its slots."""
    loop = asyncio.get_running_loop()
    before = resident_mib(front.process)
    data = request_of(body_bytes)
    clients: list[Client] = []
    for _ in range(held):
        _, client = await loop.create_connection(Client, "127.0.0.1", front.port)
        clients.append(client)
    answers = [client.request(data) for client in clients]
    while await front.held() < held:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    full = resident_mib(front.process)
    print(f"  {held} requests of {body_bytes} B held: {full:.0f} MiB ({before:.0f} MiB before them)")
    replica.most_at_once = 0
    released_at = time.monotonic()
    await front.route_to_replica(slots)
    statuses = [answer.split(b" ")[1] for answer in await asyncio.gather(*answers)]
    took = time.monotonic() - released_at
    print(
        f"  let go with {slots} slots: {statuses.count(b'200')} answered of {held}, "
        f"{held / took:.0f}/s, at most {replica.most_at_once} at the replica at once"
    )
    for client in clients:
        client.close()


@asynccontextmanager
async def replica_of_two_bytes() -> AsyncIterator[Replica]:
    """A replica that answers at once, in this process."""
    replica = Replica(RESPONSE)
    await replica.start()
    yield replica
    replica.stop()


async def bench(arguments: argparse.Namespace) -> None:
    """All of it, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        async with replica_of_two_bytes() as replica:
            own = await at_rate(replica.port, os.getpid(), arguments.rate, arguments.seconds / 3)
            print(f"straight to the replica at {arguments.rate}/s: {described(own)}")
            if shutil.which("nginx"):
                async with nginx(Path(folder), replica.port) as front:
                    other = await at_rate(front.port, front.process, arguments.rate, arguments.seconds)
                    print(f"through nginx:                 {described(other)}")
            async with activator(Path(folder), replica.port) as front:
                await front.route_to_replica(10_000)
                ours = await at_rate(front.port, front.process, arguments.rate, arguments.seconds)
                print(f"through the activator:         {described(ours)}")
                print(f"  p99 added: {ours.p99 - own.p99:.1f} ms")
            async with activator(Path(folder), replica.port) as front:
                await front.route_to_nothing()
                await hold(front, replica, arguments.held, arguments.body_bytes, arguments.slots)


def described(latencies: Latencies) -> str:
    """One line of figures."""
    return (
        f"{latencies.achieved_rate:6.0f}/s  p50 {latencies.p50:6.1f} ms  p99 {latencies.p99:6.1f} ms  "
        f"{latencies.failed} failed  {latencies.cpu_share:.2f} of a core"
    )


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--held", type=int, default=10_000)
    parser.add_argument("--body-bytes", type=int, default=8192)
    parser.add_argument("--slots", type=int, default=64)
    uvloop.run(bench(parser.parse_args()))


if __name__ == "__main__":
    main()
