"""Pools on every kind of accelerator that clouds and sites label differently: each comes up on its nodes, and
its template is found to fit its class. A part of a GPU counts in the class of such parts."""

from functools import partial

from hack.testing.fleet import claims, hardware
from hack.testing.fleet.pods import server, template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.queue_world import has_condition
from hack.testing.waiting import eventually

CLASSES = {
    "nvidia-l4": (hardware.GKE_L4, 1),
    "nvidia-h100": (hardware.EKS_H100, 8),
    "nvidia-a100-40gb-mig-1g.5gb": (hardware.MIG_MIXED, 3),
    "nvidia-t4-shared": (hardware.TIME_SLICED, 2),
    "google-tpu-v5e": (hardware.gke_tpu("tpu-v5-lite-podslice", "2x4", 8), 8),
    "aws-inferentia2": (hardware.EKS_INFERENTIA2, 6),
    "aws-trainium2": (hardware.EKS_TRAINIUM2, 16),
    "amd-mi300x": (hardware.AMD_MI300X, 8),
    "intel-gaudi3": (hardware.GAUDI3, 8),
}
"""By class: the nodes that have it, and how many units one replica asks for."""


async def test_each_kind_of_accelerator_serves_a_pool_of_its_class(scene: Scene) -> None:
    for number, (name, (shape, units)) in enumerate(CLASSES.items()):
        await scene.nodes.add(shape)
        app = f"pool-{number}"
        await scene.deploy(app, template({"app": app}, shape, units, load="100ms"))
        await _pool(scene, app, name)
    await eventually(partial(_has_ready, scene, len(CLASSES)), "every pool serves", PATIENCE_SECONDS)
    for number, (shape, units) in enumerate(CLASSES.values()):
        said = await has_condition(scene, "PlacementMatches", "True", name=f"pool-{number}")
        assert f"a replica holds {units} of {shape.resource}" in said["message"]


async def test_devices_that_are_claimed_serve_a_pool(scene: Scene) -> None:
    (node,) = await scene.nodes.add(hardware.DRA_H100)
    await claims.create_device_class(scene.client)
    await claims.publish_devices(scene.client, node, 8)
    await claims.create_claim_template(scene.client, scene.namespace, "four", devices=4)
    container = server(resources={"claims": [{"name": "chips"}]})
    pod = template(
        {"app": "claimed"},
        hardware.DRA_H100,
        load="100ms",
        containers=[container],
        **claims.claiming("four"),
    )
    await scene.deploy("claimed", pod)
    await _pool(scene, "claimed", "nvidia-h100")
    await eventually(partial(_has_ready, scene, 1), "the pool serves", PATIENCE_SECONDS)
    said = await has_condition(scene, "PlacementMatches", "True", name="claimed")
    assert "a replica holds 4 of nvidia.com/gpu" in said["message"]


async def _pool(scene: Scene, name: str, accelerator: str) -> None:
    """A pool that has a replica although nothing waits."""
    await scene.create_pool(
        name, target=name, accelerator={"class": accelerator}, replicas={"min": 1, "max": 1}
    )


async def _has_ready(scene: Scene, pods: int) -> bool:
    return await scene.ready_pods() == pods
