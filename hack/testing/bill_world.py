"""A pool that starts, works, idles and stops again and again, and an independent sum of what it was paid for.

Starts and ends of replicas come from the API server's audit log, and work from the script that puts jobs in.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hack.testing.audit import PodLife
from hack.testing.objects import patch
from hack.testing.operator_process import OperatorProcess
from hack.testing.queue_world import QueueWorld
from hack.testing.waiting import eventually
from hack.testing.workload import PROBED, Workload
from poolkeeper.api.base import API_VERSION, CLASSES
from poolkeeper.kube.transport.paths import api_path, namespaced_path

TAIL_SECONDS = 5
SERIES = re.compile(r'poolkeeper_accelerator_seconds_total\{.*pool="pool".*state="(\w+)"\} ([0-9.e+]+)')


class Spent(NamedTuple):
    """Seconds of replicas by state."""

    starting: float
    busy: float
    idle: float
    tail: float


class Round(NamedTuple):
    """One trip from zero and back, in seconds."""

    work: float
    idle: float
    pause: float


class Jobs:
    """Puts jobs in, and takes them as a worker would."""

    def __init__(self, world: QueueWorld, workload: Workload) -> None:
        self._world, self._workload = world, workload
        self.busy_seconds = 0.0

    async def trip(self, shape: Round) -> None:
        """One job waits until a replica is up, is worked on, and is done; the pool then goes to zero."""
        await self._world.push(1)
        await self._until(lambda: self._workload.is_up, "up")
        with self._world.queue.client as client:
            client.lmove("jobs", "jobs-busy")
        began = time.monotonic()
        await asyncio.sleep(shape.work)
        with self._world.queue.client as client:
            client.delete("jobs-busy")
        self.busy_seconds += time.monotonic() - began
        await self._until(lambda: not self._workload.is_up, "down again")
        await asyncio.sleep(shape.pause)

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        async def holds_now() -> bool:
            return holds()

        await eventually(holds_now, f"the pool is {what}", 120.0)


async def create_billed_pool(world: QueueWorld, idle_seconds: int) -> None:
    """A pool of a class with a price, one replica of 1 vCPU at most; its Deployment exists."""
    name = f"billed-{world.namespace}"
    spec = {
        "vendor": "None", "displayName": "CPU", "nodeTailSeconds": TAIL_SECONDS, "wattsPerChip": 100,
        "dollarsPerChipHour": "3.60",
    }  # fmt: skip
    body = {
        "apiVersion": API_VERSION,
        "kind": "AcceleratorClass",
        "metadata": {"name": name},
        "spec": spec,
    }
    await world.client.request("POST", api_path(API_VERSION, CLASSES), body=body)
    container = {**PROBED, "resources": {"requests": {"cpu": "1"}}}
    path = namespaced_path("apps/v1", world.namespace, "deployments", "worker")
    await patch(world.client, path, {"spec": {"template": {"spec": {"containers": [container]}}}})
    await world.create_pool(
        accelerator={"class": name},
        replicas={"min": 0, "max": 1},
        scaleToZero={"mode": "Fixed", "idleSeconds": idle_seconds},
    )


def independent(pods: Sequence[PodLife], busy_seconds: float) -> Spent:
    """What the audit log and the jobs say."""
    starting = serving = tail = 0.0
    lives = sorted(
        (each for each in pods if each.scheduled_at is not None), key=lambda each: each.scheduled_at or 0.0
    )
    for place, each in enumerate(lives):
        begun, gone = each.scheduled_at or 0.0, each.gone_at or time.time()
        ready = each.ready_at or gone
        starting, serving = starting + ready - begun, serving + gone - ready
        after = [other.scheduled_at or 0.0 for other in lives[place + 1 :]]
        until = min([gone + TAIL_SECONDS, *after, time.time()])
        tail += max(0.0, until - gone)
    return Spent(starting, busy_seconds, serving - busy_seconds, tail)


def billed(operator: OperatorProcess) -> Spent:
    """What the operator's metrics say now."""
    found = {state: float(seconds) for state, seconds in SERIES.findall(operator.get("/metrics"))}
    return Spent(*(found.get(state, 0.0) for state in Spent._fields))
