"""Whom a replica waits for: Karpenter that makes a node, a kubelet that pulls an image."""

from functools import partial

from hack.testing.fleet import events, hardware
from hack.testing.fleet.pods import template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.queue_world import has_condition
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import JsonObject

PULL = "60s"
"""Longer than it takes to say that the image is being pulled."""
NODE = "Karpenter makes a node: nodeclaim/gpu-x7k2p"
IMAGE = 'the image "example.invalid/server:1" has been pulled since'


async def test_a_pool_says_whom_its_replica_waits_for(scene: Scene) -> None:
    await scene.nodes.add(hardware.CPU)
    await scene.deploy("scarce", template({"app": "scarce"}, hardware.GKE_L4))
    await scene.deploy("large", template({"app": "large"}, hardware.CPU, pull=PULL))
    for name, accelerator in {"scarce": "nvidia-l4", "large": "cpu"}.items():
        await scene.create_pool(
            name, target=name, accelerator={"class": accelerator}, demand=[scene.source(name)]
        )
        await scene.push(1, name)
    await eventually(partial(_has_pod, scene, "scarce"), "there is a pod", PATIENCE_SECONDS)
    (pod,) = await scene.pods("app=scarce")
    await events.karpenter_nominates(scene.client, pod)
    found = await has_condition(
        scene, "StartsSucceed", "Unknown", "NodeProvisioning", name="scarce", seconds=PATIENCE_SECONDS
    )
    assert NODE in found["message"]
    status = await scene.becomes(partial(_says, IMAGE), "the image is named", pool="large")
    assert status["decision"]["reason"] == "PullingImage"


def _says(words: str, status: JsonObject) -> bool:
    return words in status["decision"]["message"]


async def _has_pod(scene: Scene, name: str) -> bool:
    return len(await scene.pods(f"app={name}")) == 1
