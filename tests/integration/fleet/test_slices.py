"""Replicas of several hosts: a TPU slice comes and goes as a whole, and the wait for one is explained."""

import asyncio
import re
from functools import partial

from hack.testing.fleet import hardware
from hack.testing.fleet.groups import GROUP, NAME, WORKER
from hack.testing.fleet.pods import server, template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.queue_world import has_condition
from hack.testing.waiting import eventually

TARGET = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "big"}
SLICE = hardware.GKE_TPU_V5E_4X4
HOSTS = 4
WAIT_SECONDS = 6.0
"""Far longer than a start takes here."""


async def test_a_pool_scales_in_whole_slices(scene: Scene) -> None:
    await scene.nodes.add_slice(SLICE)
    await _pool_of_slices(scene)
    await scene.push(1)
    await eventually(partial(_has_ready, scene, HOSTS), "one slice is ready", PATIENCE_SECONDS)
    await has_condition(scene, "StartsSucceed", "True")
    probed = await scene.condition("ReadinessProbed")
    assert (probed["status"], probed["message"]) == ("True", "container leader has a readiness probe")
    assert (await scene.condition("PlacementMatches"))["status"] == "True"

    await scene.push(1)
    said = await has_condition(scene, "StartsSucceed", "Unknown", "Unschedulable", seconds=PATIENCE_SECONDS)
    assert "0/4 nodes: 4 Insufficient google.com/tpu" in said["message"]
    assert await scene.replicas_of("LeaderWorkerSet", "big") == 2
    waiting = [pod for pod in await scene.pods(f"{NAME}=big,{GROUP}=1") if not pod["spec"].get("nodeName")]
    assert len(waiting) == HOSTS

    await scene.nodes.add_slice(SLICE)
    await eventually(partial(_has_ready, scene, 2 * HOSTS), "both slices are ready", PATIENCE_SECONDS)
    await has_condition(scene, "StartsSucceed", "True", seconds=PATIENCE_SECONDS)
    assert len(await scene.pods(f"{NAME}=big,{WORKER}=0")) == 2

    await scene.drain()
    await eventually(partial(_has_pods, scene, 0), "all slices are gone", PATIENCE_SECONDS)
    learned = (await scene.status())["coldStart"]
    assert learned.get("failed", 0) == 0
    assert learned["p95Seconds"] <= 10


async def test_half_a_slice_is_no_capacity(scene: Scene) -> None:
    """The leader is Ready before the last host is there."""
    hosts = await scene.nodes.add(SLICE, HOSTS)
    await scene.nodes.stock_out(hosts[-1])
    await _pool_of_slices(scene)
    await scene.push(1)
    await eventually(partial(_has_ready, scene, HOSTS - 1), "most hosts are ready", PATIENCE_SECONDS)
    said = await has_condition(scene, "StartsSucceed", "Unknown", "Unschedulable", seconds=PATIENCE_SECONDS)
    assert re.search("pod big-0-[1-3] has waited for a node since", said["message"])
    await asyncio.sleep(WAIT_SECONDS)
    status = await scene.status()
    assert (status["decision"]["reason"], status["replicas"]["ready"]) == ("AwaitingAdmission", 0)
    await scene.nodes.restock()
    await has_condition(scene, "StartsSucceed", "True", seconds=PATIENCE_SECONDS)
    assert await scene.ready_pods() == HOSTS
    await scene.drain()
    await eventually(partial(_has_pods, scene, 0), "the slice is gone", PATIENCE_SECONDS)
    assert (await scene.status())["coldStart"].get("p95Seconds", 0) < WAIT_SECONDS


async def _pool_of_slices(scene: Scene) -> None:
    chips = {SLICE.resource: SLICE.units}
    labels = {"app": "big"}
    leader = template(labels, SLICE, load="1s", containers=[server("leader", chips)])
    worker = template(labels, SLICE, load="1s", containers=[server("worker", chips, probed=False)])
    await scene.deploy_groups("big", worker, HOSTS, leader=leader)
    await scene.create_pool(
        targetRef=TARGET, accelerator={"class": "google-tpu-v5e"}, replicas={"min": 0, "max": 2}
    )


async def _has_ready(scene: Scene, pods: int) -> bool:
    return await scene.ready_pods() == pods


async def _has_pods(scene: Scene, pods: int) -> bool:
    return len(await scene.pods()) == pods
