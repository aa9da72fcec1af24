"""A start that is held up from outside, by a gate or by a quota, is neither slow nor broken: the pool says
what it waits for, and the start time that it has learned stays where it was."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from hack.testing.fleet import hardware
from hack.testing.fleet.events import KUEUE_GATE, kueue_says_its_workload_waits
from hack.testing.fleet.pods import template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.queue_world import has_condition, scaled_to
from hack.testing.waiting import eventually

LOAD_SECONDS = 2
WAIT_SECONDS = 6.0
"""Far longer than a start takes, so that a wait that was learned would show."""
ROUNDS = 2


async def test_a_gate_that_opens_late_changes_no_learned_start(scene: Scene) -> None:
    await scene.nodes.add(hardware.EKS_L4)
    gated = template({"app": "chat"}, hardware.EKS_L4, load=f"{LOAD_SECONDS}s", gates=[KUEUE_GATE])
    await scene.deploy("chat", gated)

    async def waits() -> None:
        said = await has_condition(
            scene, "StartsSucceed", "Unknown", "SchedulingGated", seconds=PATIENCE_SECONDS
        )
        assert f"held by the scheduling gate {KUEUE_GATE}" in said["message"]
        assert "Kueue" in said["message"]
        (pod,) = await scene.pods("app=chat")
        await kueue_says_its_workload_waits(scene.client, pod)

    await _starts_the_same(scene, waits, scene.open_gates)
    await _late_by(scene, "gate")


async def test_a_quota_that_refuses_changes_no_learned_start(scene: Scene) -> None:
    await scene.nodes.add(hardware.EKS_L4)
    await scene.deploy("chat", template({"app": "chat"}, hardware.EKS_L4, load=f"{LOAD_SECONDS}s"))
    await scene.limit("gpus", {"requests.nvidia.com/gpu": "0"})

    async def waits() -> None:
        said = await has_condition(scene, "StartsSucceed", "False", "QuotaExceeded", seconds=PATIENCE_SECONDS)
        assert (
            "exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=0"
            in said["message"]
        )
        assert "Raise that quota, or free some of it" in said["message"]

    async def lift() -> None:
        await scene.limit("gpus", {"requests.nvidia.com/gpu": "1"})
        await scene.hurry("chat")

    async def refuse() -> None:
        await scene.limit("gpus", {"requests.nvidia.com/gpu": "0"})

    await _starts_the_same(scene, waits, lift, refuse)
    await _late_by(scene, "quota refused")


async def _starts_the_same(
    scene: Scene,
    waits: Callable[[], Awaitable[None]],
    admit: Callable[[], Awaitable[None]],
    hold: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Starts that wait at first: what is learned of them is only how long they took once admitted."""
    await scene.create_pool(
        target="chat",
        accelerator={"class": "nvidia-l4"},
        coldStart={"budgetSeconds": 5, "start": "Immediately", "expectedSeconds": LOAD_SECONDS},
    )
    for number in range(1, ROUNDS + 1):
        asked_at = time.monotonic()
        await scene.push(1)
        await waits()
        await asyncio.sleep(max(0.0, asked_at + WAIT_SECONDS - time.monotonic()))
        await admit()
        await eventually(partial(_is_ready, scene), "the replica is ready", PATIENCE_SECONDS)
        await scene.drain()
        await scaled_to(scene, 0, "chat", PATIENCE_SECONDS)
        learned = (await scene.status())["coldStart"]
        assert (learned["samples"], learned.get("failed", 0)) == (number, 0)
        assert learned["p95Seconds"] < LOAD_SECONDS + WAIT_SECONDS, "the wait is no part of the start"
        await (hold or scene.drain)()


async def _late_by(scene: Scene, holder: str) -> None:
    """The late requests are charged to what held the replicas. Who holds them is asked after 3 s, so that
    with waits as short as here some are charged to what is not known."""
    kept = (await scene.status())["promise"]["lastHour"]
    assert f"late: {ROUNDS} by admission (" in kept
    assert holder in kept


async def _is_ready(scene: Scene) -> bool:
    return await scene.ready_pods() == 1
