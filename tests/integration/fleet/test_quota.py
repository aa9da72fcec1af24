"""A cap on chips that pools share: never exceeded, also over a restart of the operator, and explained."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from hack.testing.fleet import hardware
from hack.testing.fleet.pods import template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.kinds import create
from hack.testing.queue_world import has_condition, scaled_to
from hack.testing.waiting import eventually
from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.paths import api_path

CHIPS = 3
POOLS = ("chat", "night")
SETTLED_SECONDS = 2.0
"""After which a new operator has read pools, pods and queues."""


async def test_pools_share_a_cap_and_say_who_holds_the_chips(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4_OF_8)
    async with _quota(scene), _most_pods(scene) as most:
        for name in POOLS:
            await scene.deploy(name, template({"app": name}, hardware.GKE_L4_OF_8, load="1s"))
            await scene.create_pool(
                name, target=name, accelerator={"class": "nvidia-l4"}, demand=[scene.source(name)]
            )
        await scene.push(3, "chat")
        await eventually(partial(_ready, scene, "chat", 3), "chat has all chips", PATIENCE_SECONDS)
        await scene.push(2, "night")
        said = await has_condition(scene, "WithinLimits", "False", name="night", seconds=PATIENCE_SECONDS)
        assert f"quota {scene.namespace}: 3 of 3 nvidia-l4 chips in use" in said["message"]
        assert f"{scene.namespace}/chat holds most, 3 replicas" in said["message"]
        assert (
            "may have no more than 0 replicas (quota)" in (await scene.status("night"))["decision"]["message"]
        )
        scene.operators[0].stop()
        scene.operators[0].start("--install-classes")
        await eventually(scene.operators[0].is_leading, "the operator leads again", PATIENCE_SECONDS)
        await asyncio.sleep(SETTLED_SECONDS)
        assert await scene.replicas("night") == 0
        await scene.drain("chat")
        await eventually(partial(_ready, scene, "night", 2), "night has chips now", PATIENCE_SECONDS)
        await has_condition(scene, "WithinLimits", "True", name="night", seconds=PATIENCE_SECONDS)
        await scene.drain("night")
        await scaled_to(scene, 0, "night", PATIENCE_SECONDS)
    assert max(most) == CHIPS


async def _ready(scene: Scene, app: str, pods: int) -> bool:
    return await scene.ready_pods(f"app={app}") == pods


@asynccontextmanager
async def _quota(scene: Scene) -> AsyncIterator[None]:
    """Three chips for all pools of the scene, during the block."""
    limits = {"chips": [{"class": "nvidia-l4", "chips": CHIPS}]}
    spec = {"namespaces": [scene.namespace], "limits": limits}
    manifest = {"kind": "AcceleratorQuota", "metadata": {"name": scene.namespace}, "spec": spec}
    await create(scene.client, API_VERSION, "acceleratorquotas", manifest)
    try:
        yield
    finally:
        await scene.client.request("DELETE", api_path(API_VERSION, "acceleratorquotas", scene.namespace))


@asynccontextmanager
async def _most_pods(scene: Scene) -> AsyncIterator[list[int]]:
    """How many pods there were at each look, those that are being deleted among them: each holds a chip."""
    seen: list[int] = []

    async def watch() -> None:
        while True:
            found = await scene.client.request("GET", scene.objects("v1", "pods"))
            seen.append(len(found["items"]))
            await asyncio.sleep(0.05)

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
