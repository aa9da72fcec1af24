"""The bill of a pool against what the API server says of its pods, over a restart of the operator."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from hack.testing.fleet import hardware
from hack.testing.fleet.pods import template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.kinds import create_if_missing
from hack.testing.queue_world import has_condition, scaled_to
from hack.testing.waiting import eventually
from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.fields import instant

CHIPS = 3
TAIL_SECONDS = 2
LOAD_SECONDS, BUSY_SECONDS, IDLE_SECONDS = 3, 4, 1
STAMPS_SECONDS = 1.0
"""The API server writes whole seconds: so much may a pod's time with a node be off."""
A_DOLLAR_A_SECOND = "3600"


@dataclass
class PodTimes:
    """When each pod was bound to its node, and when it was gone."""

    bound: dict[str, float] = field(default_factory=dict)
    gone: dict[str, float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """For how long pods had a node, together."""
        return sum(self.gone.get(uid, time.time()) - at for uid, at in self.bound.items())


async def test_a_bill_agrees_with_the_times_of_the_pods(scene: Scene) -> None:
    """Parts of a GPU at one dollar a second each: what is billed are parts, never the GPU."""
    await _create_class(scene)
    await scene.nodes.add(hardware.MIG_MIXED)
    await scene.deploy("chat", template({"app": "chat"}, hardware.MIG_MIXED, CHIPS, load=f"{LOAD_SECONDS}s"))
    async with _times_of_pods(scene) as times:
        await scene.create_pool(
            target="chat",
            accelerator={"class": "billed-mig"},
            replicas={"min": 0, "max": 1},
            scaleToZero={"mode": "Fixed", "idleSeconds": IDLE_SECONDS},
        )
        await _one_job(scene)
        await scaled_to(scene, 0, "chat", PATIENCE_SECONDS)
        await eventually(lambda: len(times.gone) == 1, "the pod is gone", PATIENCE_SECONDS)
        await asyncio.sleep(TAIL_SECONDS + 1)
        seconds = _by_state(scene)
        assert seconds["starting"] == pytest.approx(CHIPS * LOAD_SECONDS, abs=CHIPS * 1.5)
        assert seconds["busy"] == pytest.approx(CHIPS * BUSY_SECONDS, abs=CHIPS * 1.5)
        assert seconds["tail"] == pytest.approx(CHIPS * TAIL_SECONDS, abs=0.5)
        own = CHIPS * (times.seconds + TAIL_SECONDS)
        assert sum(seconds.values()) == pytest.approx(own, abs=CHIPS * STAMPS_SECONDS)

        await _one_job(scene, is_operator_killed=True)
        await scaled_to(scene, 0, "chat", PATIENCE_SECONDS)
        await eventually(lambda: len(times.gone) == 2, "the second pod is gone", PATIENCE_SECONDS)
        await asyncio.sleep(TAIL_SECONDS + 1)
        own = CHIPS * (times.seconds + 2 * TAIL_SECONDS)
        assert await _dollars(scene) == pytest.approx(own, abs=2 * CHIPS * STAMPS_SECONDS)


async def _one_job(scene: Scene, *, is_operator_killed: bool = False) -> None:
    """A job that a worker takes once it is ready, and works on; meanwhile the operator may be killed."""
    await scene.push(1)
    await has_condition(scene, "ScaledToZero", "False", seconds=PATIENCE_SECONDS)
    await eventually(lambda: _is_up(scene), "the replica is ready", PATIENCE_SECONDS)
    with scene.queue.client as client:
        client.lmove("jobs", "jobs-busy", "LEFT", "RIGHT")
        taken_at = time.monotonic()
        if is_operator_killed:
            scene.operators[0].stop(signal.SIGKILL)
            scene.operators[0].start("--install-classes")
        await asyncio.sleep(max(0.0, taken_at + BUSY_SECONDS - time.monotonic()))
        client.delete("jobs-busy")


async def _is_up(scene: Scene) -> bool:
    return await scene.ready_pods() == 1


async def _create_class(scene: Scene) -> None:
    spec = {
        "vendor": "NVIDIA",
        "displayName": "Parts that are billed",
        "resourceName": hardware.MIG_MIXED.resource,
        "nodeTailSeconds": TAIL_SECONDS,
        "expectedStartSeconds": LOAD_SECONDS,
        "dollarsPerChipHour": A_DOLLAR_A_SECOND,
        "wattsPerChip": 100,
    }
    manifest = {"kind": "AcceleratorClass", "metadata": {"name": "billed-mig"}, "spec": spec}
    await create_if_missing(scene.client, API_VERSION, "acceleratorclasses", manifest)


@asynccontextmanager
async def _times_of_pods(scene: Scene) -> AsyncIterator[PodTimes]:
    """What a watcher of the pods writes down during the block."""
    times = PodTimes()

    async def watch() -> None:
        while True:
            found = await scene.client.request("GET", scene.objects("v1", "pods"))
            present = {pod["metadata"]["uid"]: pod for pod in found["items"]}
            for uid, pod in present.items():
                for condition in pod["status"].get("conditions") or ():
                    if condition["type"] == "PodScheduled" and condition["status"] == "True":
                        times.bound.setdefault(uid, instant(condition["lastTransitionTime"]) or 0.0)
            for uid in times.bound.keys() - present.keys():
                times.gone.setdefault(uid, time.time())
            await asyncio.sleep(0.05)

    task = asyncio.create_task(watch())
    try:
        yield times
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _by_state(scene: Scene) -> dict[str, float]:
    """The chip-seconds of the pool's metrics."""
    labels = f'class="billed-mig",namespace="{scene.namespace}",pool="pool"'
    pattern = rf'poolkeeper_accelerator_seconds_total\{{{labels},state="(\w+)"\}} (\S+)'
    found = re.findall(pattern, scene.operators[0].get("/metrics"))
    return {state: float(value) for state, value in found}


async def _dollars(scene: Scene) -> float:
    """What the status says that the pool has cost today. An edit of the pool has it written at once."""
    await scene.refresh()
    generation = 2

    def is_written(status: dict[str, object]) -> bool:
        return status.get("observedGeneration") == generation

    status = await scene.becomes(is_written, "the status is of the edited pool")
    return float(status["cost"]["today"].partition(" ")[0].lstrip("$").replace(",", ""))
