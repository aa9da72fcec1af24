"""What an idle default install asks of the API server, and what it logs, for an hour.

    python -m hack.bench fleet.idle [--minutes 60] [--pools 3]

Starts etcd, kube-apiserver and redis-server, applies the chart's rights, and runs two replicas of the
operator with the flags of a default install (no activator). Some pools wait at zero on Redis lists, and one
pool waits on each other kind of source: a list without a processing list, a stream, and a Service. Nothing
runs the Deployments' pods, and no request comes.

The requests come from the API server's own audit log. The renewal of a watch counts apart: the API server
ends each watch after some minutes. The aim, which the exit status tells: no request but for leases and
renewed watches, and no log line at warning or above.
"""

import argparse
import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hack.testing.audit import Asked
from hack.testing.control_plane import ControlPlane
from hack.testing.default_install import SYSTEM, installed_cluster, two_replicas, warnings
from hack.testing.objects import create_deployment
from hack.testing.queue_world import QueueWorld
from hack.testing.redis_server import LocalRedis
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.paths import namespaced_path

SETTLE_SECONDS = 20.0
"""After this, no pool's first status is due any more."""
UNSEEN_SECONDS = 60
SHOWN = 10
"""Log lines, and paths, that are printed at most."""


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; the exit status says whether the aim was met."""
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--pools",
        type=int,
        default=3,
        help="pools on Redis lists, besides one of each kind; 0 for none at all",
    )
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, installed_cluster(Path(folder)) as cluster:
        queue = LocalRedis(Path(folder))
        queue.start()
        try:
            return asyncio.run(_run(args, cluster, queue, Path(folder)))
        finally:
            queue.stop()


async def _run(args: argparse.Namespace, cluster: ControlPlane, queue: LocalRedis, folder: Path) -> int:
    async with two_replicas(cluster, queue, folder) as world:
        if args.pools:
            await _create_pools(world, args.pools)
        await asyncio.sleep(SETTLE_SECONDS)
        before, logged = len(cluster.audit_log.asked()), len(warnings(world))
        print(
            f"{len(world.operators)} replicas and {args.pools + len(_other_sources(world))} pools,", end=" "
        )
        print(f"idle for {args.minutes:g} minutes", flush=True)
        await asyncio.sleep(60 * args.minutes)
        return _print(cluster.audit_log.asked()[before:], warnings(world)[logged:], args.minutes)


async def _create_pools(world: QueueWorld, lists: int) -> None:
    """Pools at zero, all of whose sources can be read."""
    with world.queue.client as client:
        client.xgroup_create("stream", "workers", mkstream=True)
    await _create_service(world)
    sources = {f"list-{number}": world.source(f"list-{number}") for number in range(lists)}
    for name, source in {**sources, **_other_sources(world)}.items():
        await create_deployment(world.client, SYSTEM, name=name)
        unseen = {"maxServiceSeconds": UNSEEN_SECONDS} if name == "unseen" else {}
        await world.create_pool(
            name, target=name, accelerator={"class": "cpu"}, demand=[{**source, **unseen}]
        )
        await eventually(partial(_is_reported, world, name), f"the first status of {name}")


def _other_sources(world: QueueWorld) -> Mapping[str, Mapping[str, Any]]:
    """One source of each kind but for lists with a processing list, by the name of its pool."""
    address = world.queue.address
    return {
        "unseen": {"name": "jobs", "redisList": {"address": address, "list": "unseen"}},
        "stream": {
            "name": "jobs",
            "redisStream": {"address": address, "stream": "stream", "group": "workers"},
        },
        "served": {"name": "calls", "http": {"service": "served", "port": 80}},
    }


async def _create_service(world: QueueWorld) -> None:
    ports = [{"port": 80, "targetPort": 8000}]
    manifest = {"metadata": {"name": "served"}, "spec": {"selector": {"app": "served"}, "ports": ports}}
    await world.client.request("POST", namespaced_path("v1", SYSTEM, "services"), body=manifest)


async def _is_reported(world: QueueWorld, name: str) -> bool:
    return bool((await world.status(name)).get("conditions"))


def _print(asked: Sequence[Asked], logged: Sequence[str], minutes: float) -> int:
    counts = Counter((each.verb, each.resource, each.user, each.status) for each in asked)
    print(f"{'requests':>8}  {'per hour':>8}  {'verb':8} {'resource':34} {'status':6} user")
    for (verb, resource, user, status), number in counts.most_common():
        print(f"{number:8}  {number * 60 / minutes:8.0f}  {verb:8} {resource:34} {status:6} {user}")
    others = [each for each in asked if each.resource != "leases" and each.verb != "watch"]
    for (verb, path), number in Counter((each.verb, each.path) for each in others).most_common(SHOWN):
        print(f"neither a lease nor a watch: {number} × {verb} {path}")
    print(f"log lines at warning or above: {len(logged)}")
    for line in logged[:SHOWN]:
        print(f"  {line}")
    is_met = not others and not logged
    print(f"aim, requests for leases and watches only, and no warning: {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1
