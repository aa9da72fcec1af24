"""The activator beside nginx on the same path: added latency, memory while it holds requests, pacing.

    python -m hack.bench http.activator [--rate 1000] [--seconds 15] [--held 10000] [--body-bytes 8192]

Everything runs on 127.0.0.0/8. The front under test has a core of its own where the machine has two; the load
and the replica share the other one, so the figures beside nginx in the same run are what counts. Each aim
gets a verdict, and the exit status says whether all were met.
"""

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from hack.bench.http.scene.fronts import LOOPBACK, Front, Replica, activator, children, nginx
from hack.testing.ports import free_port

AIM_ADDED_MILLISECONDS = 100.0
AIM_PEAK_MIB = 512.0
REPLICAS = 4
WORK_SECONDS = 0.02
LONGEST_SECONDS = 300.0
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass(frozen=True)
class Latencies:
    """Of requests at a fixed rate, in milliseconds."""

    p50: float
    p99: float
    failed: int
    achieved_rate: float
    cpu_share: float


@dataclass(frozen=True)
class Holding:
    """What became of requests that were held at zero and then let go, and the front's memory in MiB."""

    held: int
    answered: int
    before: float
    full: float
    peak: float
    most_at_once: int
    rate: float


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
            latencies.append((time.monotonic() - due) * 1000)
        else:
            failed += 1
        idle.append(client)

    began, cpu_before = time.monotonic(), cpu_seconds(process)  # uvloop's own clock only knows milliseconds
    running = set()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (ahead := due - time.monotonic()) > 0:
            await asyncio.sleep(ahead)
        running.add(task := loop.create_task(one(due)))
        task.add_done_callback(running.discard)
    if running:
        await asyncio.wait(running)
    took = time.monotonic() - began
    share = (cpu_seconds(process) - cpu_before) / took
    for client in idle:
        client.close()
    percentiles = statistics.quantiles(latencies, n=100)
    return Latencies(
        p50=percentiles[49],
        p99=percentiles[98],
        failed=failed,
        achieved_rate=len(latencies) / took,
        cpu_share=share,
    )


def cpu_seconds(process: int) -> float:
    """CPU time that a process and its children of now have used."""
    pids = (process, *children(process))
    ticks = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in pids]
    return sum(int(user) + int(system) for user, system in ticks) / os.sysconf("SC_CLK_TCK")


def memory_mib(process: int, figure: str) -> float:
    """Memory of a process: `VmRSS` now, `VmHWM` at its peak."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(figure)) / 1024


async def hold_and_release(
    front: Front, held: int, body_bytes: int, slots: int, replicas: Sequence[Replica]
) -> Holding:
    """Holds requests at zero, then lets them go to replicas by their slots."""
    loop = asyncio.get_running_loop()
    await front.route_to_nothing()
    before = memory_mib(front.process, "VmRSS")
    data = request_of(body_bytes)
    clients: list[Client] = []
    async with asyncio.timeout(LONGEST_SECONDS):
        for _ in range(held):
            _, client = await loop.create_connection(Client, LOOPBACK, front.port)
            clients.append(client)
        answers = [client.request(data) for client in clients]
        while await front.held() < held:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        full = memory_mib(front.process, "VmRSS")
        released_at = time.monotonic()
        await front.route_to(slots, *(replica.address for replica in replicas))
        statuses = [answer[:12] for answer in await asyncio.gather(*answers)]
    took = time.monotonic() - released_at
    for client in clients:
        client.close()
    return Holding(
        held=held,
        answered=statuses.count(b"HTTP/1.1 200"),
        before=before,
        full=full,
        peak=memory_mib(front.process, "VmHWM"),
        most_at_once=max(replica.most_at_once for replica in replicas),
        rate=held / took,
    )


def describe_holding(holding: Holding, replicas: int, slots: int) -> None:
    """Print it."""
    print(f"{holding.held} requests held: {holding.full:.0f} MiB ({holding.before:.0f} MiB before them)")
    print(
        f"  let go to {replicas} with {slots} slots: {holding.answered} answered, "
        f"{holding.rate:.0f}/s, at most {holding.most_at_once} at one replica at once"
    )
    print(f"  peak, letting go included: {holding.peak:.0f} MiB")


def verdict(aim: str, is_met: bool) -> bool:
    """Print whether an aim was met, and pass it on."""
    print(f"aim, {aim}: {'met' if is_met else 'MISSED'}")
    return is_met


@asynccontextmanager
async def serving(count: int, work_seconds: float) -> AsyncIterator[list[Replica]]:
    """Replicas in this process, on one port of several addresses."""
    port = free_port()
    replicas = [
        Replica(RESPONSE, port, address=f"127.0.0.{number + 1}", work_seconds=work_seconds)
        for number in range(count)
    ]
    for replica in replicas:
        await replica.start()
    yield replicas
    for replica in replicas:
        replica.stop()


async def bench_rate(folder: Path, rate: int, seconds: float) -> bool:
    """Latency at a fixed rate: straight, through nginx, through the activator."""
    async with serving(1, 0.0) as (replica,):
        own = await at_rate(replica.port, os.getpid(), rate, seconds / 3)
        print(f"straight to the replica at {rate}/s: {described(own)}")
        async with nginx(folder, replica.port) as front:
            other = await at_rate(front.port, front.process, rate, seconds)
            print(f"through nginx:                   {described(other)}")
            print(f"  p99 added: {other.p99 - own.p99:.1f} ms")
        async with activator(folder, replica.port) as front:
            await front.route_to(10_000, replica.address)
            ours = await at_rate(front.port, front.process, rate, seconds)
            print(f"through the activator:           {described(ours)}")
            print(f"  p99 added: {ours.p99 - own.p99:.1f} ms")
    is_kept_up = ours.achieved_rate >= 0.98 * rate and not ours.failed
    return verdict(
        f"{rate}/s on one core with p99 added within {AIM_ADDED_MILLISECONDS:g} ms",
        is_kept_up and ours.p99 - own.p99 <= AIM_ADDED_MILLISECONDS,
    )


async def bench_holding(folder: Path, held: int, body_bytes: int, slots: int) -> bool:
    """Memory while many are held, and until all are let go."""
    async with serving(1, 0.0) as replicas, activator(folder, replicas[0].port) as front:
        holding = await hold_and_release(front, held, body_bytes, slots, replicas)
    describe_holding(holding, len(replicas), slots)
    is_met = holding.answered == held and holding.peak <= AIM_PEAK_MIB
    return verdict(f"{held} of {body_bytes} B held within {AIM_PEAK_MIB:g} MiB and none lost", is_met)


async def bench_pacing(folder: Path, released: int, concurrency: int) -> bool:
    """Whether replicas that take their time ever get more than they take."""
    async with serving(REPLICAS, WORK_SECONDS) as replicas, activator(folder, replicas[0].port) as front:
        holding = await hold_and_release(front, released, 200, concurrency, replicas)
    describe_holding(holding, len(replicas), concurrency)
    return verdict(
        f"{released} let go and no replica given more than {concurrency} at once",
        holding.answered == released and holding.most_at_once <= concurrency,
    )


async def bench(arguments: argparse.Namespace) -> bool:
    """All of it, one after the other; whether every aim was met."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return all(
            [
                await bench_rate(folder, arguments.rate, arguments.seconds),
                await bench_holding(folder, arguments.held, arguments.body_bytes, arguments.slots),
                await bench_pacing(folder, arguments.released, arguments.concurrency),
            ]
        )


def described(latencies: Latencies) -> str:
    """One line of figures."""
    return (
        f"{latencies.achieved_rate:6.0f}/s  p50 {latencies.p50:6.1f} ms  p99 {latencies.p99:6.1f} ms  "
        f"{latencies.failed} failed  {latencies.cpu_share:.2f} of a core"
    )


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Runs it; the exit status says whether every aim was met."""
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--held", type=int, default=10_000)
    parser.add_argument("--body-bytes", type=int, default=8192)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--released", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=8)
    options = parser.parse_args(arguments)
    if shutil.which("nginx") is None:
        print("nginx is missing (on Debian: apt-get install nginx-light)", file=sys.stderr)
        return 2
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 0 if uvloop.run(bench(options)) else 1
