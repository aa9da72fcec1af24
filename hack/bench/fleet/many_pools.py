"""CPU, memory and API requests of one operator with many pools, and how fast it reacts.

    python -m hack.bench fleet.many_pools [--pools 1000] [--idle-seconds 300]

Starts etcd, kube-apiserver, one redis-server and, once all pools exist, one operator on the loopback. Every
pool has a Deployment and a list of its own, read twice a second. Nothing runs the Deployments' pods. An idle
pool's target is read again every few minutes, so a shorter time than the default shows fewer requests.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from hack.bench.fleet.footprint import cpu_seconds, resident_mib
from hack.bench.fleet.scene.cluster import Fleet, Member, ReplicaWatch
from hack.testing.control_plane import ControlPlane, control_plane
from hack.testing.operator_process import OperatorProcess
from hack.testing.redis_server import LocalRedis

START_SECONDS = 900.0
SETTLE_SECONDS = 10.0
BASELINE_SECONDS = 10.0
CHANGES_AT_A_TIME = 4


@dataclass(frozen=True, slots=True)
class Idle:
    """What one operator costs while nothing happens, as averages."""

    milli_cpu: float
    resident_mib: float
    connections: int
    requests_per_second: float


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.add_argument("--pools", type=int, default=1000)
    parser.add_argument("--namespaces", type=int, default=100)
    parser.add_argument("--idle-seconds", type=float, default=300.0)
    parser.add_argument("--changes", type=int, default=200)
    asyncio.run(_run(parser.parse_args(arguments)))
    return 0


async def _run(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder, control_plane(Path(folder)) as api_server:
        queue = LocalRedis(Path(folder))
        queue.start()
        operator = OperatorProcess(
            api_server.kubeconfig(), "default", Path(folder), "one", watches_everything=True
        )
        try:
            await _measure(args, api_server, queue, operator)
        finally:
            queue.stop()


async def _measure(
    args: argparse.Namespace, api_server: ControlPlane, queue: LocalRedis, operator: OperatorProcess
) -> None:
    async with await api_server.admin_client() as client:
        fleet = Fleet(api_server, client, queue, args.pools, args.namespaces)
        await fleet.create()
        print(f"{args.pools} pools in {min(args.pools, args.namespaces)} namespaces", flush=True)
        background = await _requests_per_second(fleet, BASELINE_SECONDS)
        begun_at = time.monotonic()
        operator.launch()
        try:
            await _start(fleet, operator, begun_at, args.pools)
            await asyncio.sleep(SETTLE_SECONDS)
            _print_idle(await _idle(fleet, operator, args.idle_seconds, background), args.pools)
            _print_reaction(await _react(fleet, args.changes), args.pools)
        finally:
            operator.stop()


async def _start(fleet: Fleet, operator: OperatorProcess, begun_at: float, pools: int) -> None:
    started = await fleet.started(START_SECONDS)
    cpu = cpu_seconds(operator.pid)
    decided, read = started.decided_at - begun_at, started.read_at - begun_at
    print(f"first status of all: {decided:.1f} s; with demand known: {read:.1f} s", flush=True)
    print(f"  CPU until then {cpu:.1f} s; per 1,000 pools {cpu * 1000 / pools:.1f} s", flush=True)


async def _idle(fleet: Fleet, operator: OperatorProcess, seconds: float, background: float) -> Idle:
    cpu_before = cpu_seconds(operator.pid)
    requests = await _requests_per_second(fleet, seconds)
    return Idle(
        milli_cpu=(cpu_seconds(operator.pid) - cpu_before) / seconds * 1000,
        resident_mib=resident_mib(operator.pid),
        connections=fleet.connections(),
        requests_per_second=requests - background,
    )


async def _requests_per_second(fleet: Fleet, seconds: float) -> float:
    before = fleet.requests()
    await asyncio.sleep(seconds)
    return (fleet.requests() - before) / seconds


async def _react(fleet: Fleet, changes: int) -> list[float]:
    """Seconds from a push to the write of /scale; a few at a time, no pool twice."""
    members = iter(random.sample(fleet.members, min(changes, len(fleet.members))))
    seconds: list[float] = []

    async def work_off() -> None:
        for member in members:
            seconds.append(await _reaction(fleet, watch, member))

    async with fleet.replicas() as watch, asyncio.TaskGroup() as workers:
        for _ in range(CHANGES_AT_A_TIME):
            workers.create_task(work_off())
    return seconds


async def _reaction(fleet: Fleet, watch: ReplicaWatch, member: Member) -> float:
    # Not in step with the polls, whose phase would else decide the result.
    await asyncio.sleep(random.uniform(0, 0.5))
    pushed_at = time.monotonic()
    fleet.push(member)
    written_at = await watch.until(member, 1)
    fleet.drain(member)
    return written_at - pushed_at


def _print_idle(idle: Idle, pools: int) -> None:
    share = 1000 / pools
    print(
        f"idle: {idle.milli_cpu:.0f} mCPU, {idle.resident_mib:.0f} MiB resident, "
        f"{idle.connections} connections to Redis, {idle.requests_per_second:.1f} API requests/s"
    )
    print(
        f"  per 1,000 pools: {idle.milli_cpu * share:.0f} mCPU, {idle.resident_mib * share:.0f} MiB, "
        f"{idle.requests_per_second * share:.1f} API requests/s",
        flush=True,
    )


def _print_reaction(seconds: list[float], pools: int) -> None:
    cuts = quantiles(seconds, n=100, method="inclusive")
    print(
        f"from a queue's change to the scale write, {len(seconds)} changes among {pools} pools: "
        f"p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s, max {max(seconds):.2f} s"
    )
