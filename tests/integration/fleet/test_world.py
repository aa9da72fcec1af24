"""The fleet itself: nodes, groups and claims behave as those of a real cluster."""

from hack.testing.fleet import claims, hardware
from hack.testing.fleet.groups import NAME, WORKER
from hack.testing.fleet.pods import server, template
from hack.testing.fleet.scene import Scene
from hack.testing.waiting import eventually


async def test_a_pod_runs_on_the_node_that_has_what_it_asks_for(scene: Scene) -> None:
    await scene.nodes.add(hardware.EKS_H100)
    (node,) = await scene.nodes.add(hardware.GKE_L4)
    await scene.deploy("chat", template({"app": "chat"}, hardware.GKE_L4, load="100ms"), replicas=1)
    await eventually(lambda: has_ready(scene, 1), "the pod is ready", 30)
    (pod,) = await scene.pods()
    assert pod["spec"]["nodeName"] == node


async def test_a_group_comes_and_goes_as_a_whole(scene: Scene) -> None:
    await scene.nodes.add_slice(hardware.GKE_TPU_V5E_4X4)
    await scene.nodes.add_slice(hardware.GKE_TPU_V5E_4X4)
    pod = template({"app": "big"}, hardware.GKE_TPU_V5E_4X4, 4, load="100ms")
    await scene.deploy_groups("big", pod, 4, replicas=2)
    await eventually(lambda: has_ready(scene, 8), "two groups of four are ready", 40)
    assert len(await scene.pods(f"{NAME}=big,{WORKER}=0")) == 2
    await scene.set_replicas("LeaderWorkerSet", "big", 1)

    async def one_is_left() -> bool:
        return {pod["metadata"]["name"] for pod in await scene.pods()} == {
            "big-0",
            *(f"big-0-{n}" for n in (1, 2, 3)),
        }

    await eventually(one_is_left, "the group of the highest index is gone", 40)


async def test_the_scheduler_allocates_claimed_devices(scene: Scene) -> None:
    (node,) = await scene.nodes.add(hardware.DRA_H100)
    await claims.create_device_class(scene.client)
    await claims.publish_devices(scene.client, node, 8)
    await claims.create_claim_template(scene.client, scene.namespace, "four", devices=4)
    container = server(resources={"claims": [{"name": "chips"}]})
    claiming = claims.claiming("four")
    pod = template({"app": "dra"}, hardware.DRA_H100, load="100ms", containers=[container], **claiming)
    await scene.deploy("dra", pod, replicas=3)
    await eventually(lambda: has_ready(scene, 2), "eight devices serve two pods", 40)


async def has_ready(scene: Scene, pods: int) -> bool:
    return await scene.ready_pods() == pods
