"""The bill of a pool against the API server's audit log, over restarts of the operator.

    python -m hack.bench fleet.bill [--minutes 60] [--restarts 3] [--kill]

Starts etcd, kube-apiserver and redis-server, and runs the operator as a process. One pool starts, works,
idles and stops again and again, with lengths drawn at random; a part of the benchmark stands in for the
controllers that make pods. The operator is ended and started again at even distances: with SIGTERM, or with
--kill by SIGKILL, which loses what was seen of work within the minute before.

The independent sum: when each pod got its node, became Ready and was deleted, from the audit log; work, from
the script that puts jobs in. The aim, which the exit status tells: each state within 1 %, or within 1 s where
it had less than 100 s.
"""

import argparse
import asyncio
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hack.testing.bill_world import Jobs, Round, Spent, billed, create_billed_pool, independent
from hack.testing.control_plane import ControlPlane, control_plane
from hack.testing.kinds import create_class, install_kinds
from hack.testing.operator_process import OperatorProcess
from hack.testing.queue_world import QueueWorld, has_condition
from hack.testing.redis_server import LocalRedis
from hack.testing.workload import working
from poolkeeper.kube.transport.paths import api_path

IDLE_SECONDS = 20
LOAD_SECONDS = 12.0
DOWN_SECONDS = 2.0
"""For how long the operator is down at each restart, beside its own start. What replicas do meanwhile is not
seen, and counts as what they did last."""
MOST_OFF = 0.01
LEAST_SECONDS = 1.0
SEED = 14


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; the exit status says whether the aim was met."""
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--kill", action="store_true", help="end the operator by SIGKILL")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, control_plane(Path(name)) as cluster:
        queue = LocalRedis(Path(name))
        queue.start()
        try:
            return asyncio.run(_run(args, cluster, queue, Path(name)))
        finally:
            queue.stop()


async def _run(args: argparse.Namespace, cluster: ControlPlane, queue: LocalRedis, folder: Path) -> int:
    async with await cluster.admin_client() as client:
        await install_kinds(client)
        await create_class(client)
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bill"}}
        await client.request("POST", api_path("v1", "namespaces"), body=body)
        world = QueueWorld(client, "bill", cluster, queue, folder)
        target = await world.target()
        operator = world.operator()
        operator.start()
        await create_billed_pool(world, IDLE_SECONDS)
        await has_condition(world, "Ready", "True")
        async with working(client, target, LOAD_SECONDS) as workload:
            jobs = Jobs(world, workload)
            restarts = asyncio.create_task(_restart(operator, args))
            ends_at, drawn = time.monotonic() + 60 * args.minutes, random.Random(SEED)
            while time.monotonic() < ends_at:
                await jobs.trip(Round(drawn.uniform(5.0, 60.0), 0.0, drawn.uniform(0.0, 20.0)))
            await restarts
            found = billed(operator)
            expected = independent(cluster.audit_log.pods("bill"), jobs.busy_seconds)
        operator.stop()
    return _print(found, expected)


async def _restart(operator: OperatorProcess, args: argparse.Namespace) -> None:
    for _ in range(args.restarts):
        await asyncio.sleep(60 * args.minutes / (args.restarts + 1) - DOWN_SECONDS)
        await asyncio.to_thread(operator.stop, signal.SIGKILL if args.kill else signal.SIGTERM)
        await asyncio.sleep(DOWN_SECONDS)
        await asyncio.to_thread(operator.start)


def _print(found: Spent, expected: Spent) -> int:
    is_met = True
    for state in Spent._fields:
        ours, theirs = getattr(found, state), getattr(expected, state)
        off = abs(ours - theirs)
        is_met = is_met and off <= max(MOST_OFF * theirs, LEAST_SECONDS)
        percent = 100 * off / max(theirs, 1e-9)
        print(f"{state:8}  billed {ours:8.1f} s  audit log {theirs:8.1f} s  off {percent:.2f} %")
    return 0 if is_met else 1
