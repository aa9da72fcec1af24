"""A pool with a fallback on a real API server and scheduler, in a stock-out of the preferred class."""

import asyncio

from hack.testing.fleet import hardware
from hack.testing.fleet.pods import template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import JsonObject

FALLBACK = {
    "name": "a100",
    "targetRef": {"name": "chat-a100"},
    "accelerator": {"class": "nvidia-a100-80gb"},
}


async def test_a_fallback_starts_in_a_stock_out_and_load_returns_with_the_capacity(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4_OF_8)
    await scene.nodes.stock_out()
    await scene.nodes.add(hardware.GKE_A100)
    await deployed(scene)
    await scene.create_pool(
        target="chat-l4",
        accelerator={"class": "nvidia-l4"},
        fallbacks=[FALLBACK],
        replicas={"min": 0, "max": 1},
        coldStart={"budgetSeconds": 30, "start": "Immediately", "expectedSeconds": 5},
        scaleToZero={"mode": "Fixed", "idleSeconds": 3},
    )
    await scene.push(1)
    await on_classes(scene, (1, 0))
    found = await scene.becomes(lambda status: arm(status, "a100").get("ready") == 1, "the fallback serves")
    assert (await on_l4(scene), await on_a100(scene)) == (1, 1), "one replica still waits for a node"
    assert found["replicas"]["ready"] == 1
    why = "for a node of nvidia-l4, so 1 replica starts on nvidia-a100-80gb, which costs"
    assert any(why in line for line in said(found)), said(found)

    async def l4_serves() -> bool:
        return await scene.ready_pods("on=l4") == 1

    await scene.nodes.restock()
    await eventually(l4_serves, "a replica on L4 is ready", PATIENCE_SECONDS)
    await scene.drain()
    await on_classes(scene, (0, 0))

    await scene.push(1)
    await on_classes(scene, (1, 0))
    await eventually(l4_serves, "the next start is on L4", PATIENCE_SECONDS)
    await asyncio.sleep(3.0)
    assert await on_a100(scene) == 0, "nothing flaps"


async def test_a_fallback_that_does_not_exist_stops_nothing(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4)
    await scene.deploy("chat-l4", template({"app": "chat", "on": "l4"}, hardware.GKE_L4))
    await scene.create_pool(target="chat-l4", accelerator={"class": "nvidia-l4"}, fallbacks=[FALLBACK])
    await scene.push(1)
    found = await scene.becomes(lambda status: arm(status, "preferred").get("ready") == 1, "it serves")
    assert "can't be read or written" in arm(found, "a100")["message"]


async def test_a_target_of_a_fallback_belongs_to_one_pool(scene: Scene) -> None:
    await deployed(scene)
    await scene.create_pool(target="chat-l4", accelerator={"class": "nvidia-l4"}, fallbacks=[FALLBACK])
    await asyncio.sleep(1.1)
    await scene.create_pool("other", target="chat-a100", accelerator={"class": "nvidia-a100-80gb"})

    async def is_refused() -> bool:
        return (await scene.condition("SoleWriter", "other")).get("reason") == "TargetShared"

    await eventually(is_refused, "the younger pool does not write", PATIENCE_SECONDS)


async def deployed(scene: Scene) -> None:
    """The same model server on two classes: labels of their own, and one that a Service would select."""
    await scene.deploy("chat-l4", template({"app": "chat", "on": "l4"}, hardware.GKE_L4_OF_8))
    await scene.deploy("chat-a100", template({"app": "chat", "on": "a100"}, hardware.GKE_A100))


async def on_classes(scene: Scene, expected: tuple[int, int]) -> None:
    """Returns once the two targets have had these replicas."""

    async def holds() -> bool:
        return (await on_l4(scene), await on_a100(scene)) == expected

    await eventually(holds, f"{expected} replicas on L4 and A100", PATIENCE_SECONDS)


async def on_l4(scene: Scene) -> int:
    return await scene.replicas_of("Deployment", "chat-l4")


async def on_a100(scene: Scene) -> int:
    return await scene.replicas_of("Deployment", "chat-a100")


def arm(status: JsonObject, name: str) -> JsonObject:
    """What a pool's status says about one class."""
    return next((each for each in status.get("arms") or () if each["name"] == name), {})


def said(status: JsonObject) -> list[str]:
    """The pool's last decisions."""
    return [str(line) for line in status.get("decisions") or ()] + [status["decision"]["message"]]
