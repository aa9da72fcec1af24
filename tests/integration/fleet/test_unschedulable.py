"""A class without free nodes: the pool says so in the scheduler's words, and goes on."""

from hack.testing.fleet import hardware
from hack.testing.fleet.pods import template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.queue_world import has_condition


async def test_a_stock_out_is_said_in_the_words_of_the_scheduler(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4)
    await scene.nodes.stock_out()
    await scene.deploy("chat", template({"app": "chat"}, hardware.GKE_L4))
    await scene.create_pool(target="chat", accelerator={"class": "nvidia-l4"})
    await scene.push(1)
    said = await has_condition(scene, "StartsSucceed", "Unknown", "Unschedulable", seconds=PATIENCE_SECONDS)
    assert "has waited for a node since" in said["message"]
    assert "0/1 nodes: 1 node(s) were unschedulable" in said["message"]
    assert (await scene.status())["decision"]["reason"] == "AwaitingAdmission"
    await scene.nodes.restock()
    await has_condition(scene, "StartsSucceed", "True", seconds=PATIENCE_SECONDS)
