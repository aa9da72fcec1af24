"""Who holds a replica, by the events of a real API server, and how long; none of it is a start."""

import asyncio
from functools import partial

from hack.testing.fleet import hardware
from hack.testing.fleet.events import (
    KUEUE_GATE,
    KUEUE_WAITS,
    autoscaler_adds_a_node,
    autoscaler_gives_up,
    kueue_says_its_workload_waits,
)
from hack.testing.fleet.pods import template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.queue_world import has_condition
from hack.testing.waiting import eventually

LOAD_SECONDS = 2
LONGER_SECONDS = 6.0
"""An admission that takes longer is a wait, and far longer than a start takes here."""

REFRESH_SECONDS = 3.0
"""So often the status is asked for, instead of once a minute as users get it."""


async def asked(scene: Scene, gates: list[str] | None = None) -> None:
    """A pool at zero that a request has just started a replica of."""
    pods = template({"app": "chat"}, hardware.GKE_L4, load=f"{LOAD_SECONDS}s", gates=gates or [])
    await scene.deploy("chat", pods)
    await scene.create_pool(target="chat", accelerator={"class": "nvidia-l4"})
    await scene.push(1)


async def says(scene: Scene, status: str, reason: str, words: str) -> None:
    """The condition says so, at the latest when the status is written next."""
    await has_condition(scene, "StartsSucceed", status, reason, seconds=PATIENCE_SECONDS)

    async def is_said() -> bool:
        found = await scene.condition("StartsSucceed")
        if words not in found["message"]:
            await scene.refresh()
            await asyncio.sleep(REFRESH_SECONDS)
        return words in found["message"]

    await eventually(is_said, words, 75.0)


async def learned(scene: Scene, cause: str) -> None:
    """The replica is ready: the wait is learned apart, and the start is as long as it loads."""
    await has_condition(scene, "StartsSucceed", "True", seconds=PATIENCE_SECONDS)

    async def is_written() -> bool:
        found = (await scene.status())["coldStart"].get("admission")
        if not found:
            await scene.refresh()
            await asyncio.sleep(REFRESH_SECONDS)
        return bool(found)

    await eventually(is_written, "the wait is in the status", 75.0)
    found = (await scene.status())["coldStart"]
    (wait,) = found["admission"]
    assert (wait["cause"], wait["waits"]) == (cause, 1)
    assert wait["p95Seconds"] >= LONGER_SECONDS
    assert (found["samples"], found.get("failed", 0)) == (1, 0)
    assert found["p95Seconds"] < wait["p95Seconds"]


async def test_a_node_that_is_made_is_told_from_one_that_is_missing(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4)
    await scene.nodes.stock_out()
    await asked(scene)
    await has_condition(scene, "StartsSucceed", "Unknown", "Unschedulable", seconds=PATIENCE_SECONDS)
    (pod,) = await scene.pods("app=chat")
    await autoscaler_gives_up(scene.client, pod)
    await says(scene, "Unknown", "Unschedulable", "the cluster autoscaler adds no node: 1 in backoff")
    await asyncio.sleep(1.1)
    await autoscaler_adds_a_node(scene.client, pod)
    await says(
        scene, "Unknown", "NodeProvisioning", "the cluster autoscaler makes a node: [{l4-pool 0->1 (max: 4)}]"
    )
    assert (await scene.status())["decision"]["reason"] == "AwaitingAdmission"
    await scene.nodes.restock()
    await learned(scene, "NodeProvisioning")


async def test_the_words_of_kueue_are_those_of_its_workload(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4)
    await asked(scene, [KUEUE_GATE])
    await has_condition(scene, "StartsSucceed", "Unknown", "SchedulingGated", seconds=PATIENCE_SECONDS)
    (pod,) = await scene.pods("app=chat")
    await kueue_says_its_workload_waits(scene.client, pod)
    await says(scene, "Unknown", "SchedulingGated", f"Kueue says: {KUEUE_WAITS}")
    await scene.open_gates()
    await learned(scene, "Gate")


async def test_no_further_replica_is_asked_for_while_the_quota_refuses_one(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4)
    await scene.limit("gpus", {"requests.nvidia.com/gpu": "0"})
    await asked(scene)
    await has_condition(scene, "StartsSucceed", "False", "QuotaExceeded", seconds=PATIENCE_SECONDS)
    desired = (await scene.status())["replicas"]["desired"]
    await scene.push(20)
    await eventually(partial(is_queued, scene, 21), "the requests are seen", 75.0)
    assert (await scene.status())["replicas"]["desired"] == desired
    assert (await scene.status())["decision"]["reason"] == "AwaitingAdmission"


async def is_queued(scene: Scene, requests: int) -> bool:
    return bool((await scene.status())["demand"]["queued"] == requests)
