"""A class without free nodes: the pool says so in the scheduler's words, and the wait is no start."""

import asyncio

from hack.testing.fleet import hardware
from hack.testing.fleet.pods import template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.queue_world import has_condition

LOAD_SECONDS = 2
WAIT_SECONDS = 6.0
"""Longer than a start may take on a busy machine, so that a wait that was learned would show."""


async def test_a_stock_out_is_said_in_the_words_of_the_scheduler_and_not_learned(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4)
    await scene.nodes.stock_out()
    await scene.deploy("chat", template({"app": "chat"}, hardware.GKE_L4, load=f"{LOAD_SECONDS}s"))
    await scene.create_pool(target="chat", accelerator={"class": "nvidia-l4"})
    await scene.push(1)
    said = await has_condition(scene, "StartsSucceed", "Unknown", "Unschedulable", seconds=PATIENCE_SECONDS)
    assert "has waited for a node since" in said["message"]
    assert "0/1 nodes: 1 node(s) were unschedulable" in said["message"]
    assert (await scene.status())["decision"]["reason"] == "AwaitingAdmission"
    await asyncio.sleep(WAIT_SECONDS)
    await scene.nodes.restock()
    await has_condition(scene, "StartsSucceed", "True", seconds=PATIENCE_SECONDS)
    learned = (await scene.status())["coldStart"]
    assert (learned["samples"], learned.get("failed", 0)) == (1, 0)
    assert learned["p95Seconds"] < LOAD_SECONDS + WAIT_SECONDS, "the wait for a node is no part of the start"
