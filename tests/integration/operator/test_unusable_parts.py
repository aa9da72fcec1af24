"""What a pool needs is missing or broken: its replicas stay, a condition says why and others go on."""

import asyncio

from hack.testing.objects import delete_deployment
from hack.testing.queue_world import QueueWorld, has_condition, scaled_to
from hack.testing.workload import working


async def test_replicas_hold_while_the_queue_is_gone(world: QueueWorld) -> None:
    async with working(world.client, await world.target()):
        source = world.source("jobs", staleAfterSeconds=2)
        await world.create_pool(demand=[source], replicas={"max": 2})
        world.operator().start()
        await world.push(2)
        await scaled_to(world, 2)
        world.queue.stop()
        condition = await has_condition(world, "DemandKnown", "False")
        assert condition["message"]
        await asyncio.sleep(4)
        assert await world.replicas() == 2
        world.queue.start()
        await has_condition(world, "DemandKnown", "True", seconds=60)
        await scaled_to(world, 0, seconds=60)


async def test_a_target_that_comes_later_and_goes_again(world: QueueWorld) -> None:
    await world.create_pool(replicas={"max": 1})
    world.operator().start()
    condition = await has_condition(world, "Ready", "False", "TargetMissing")
    assert "create it" in condition["message"]
    target = await world.target()
    await has_condition(world, "Ready", "True", seconds=90)
    await world.push(1)
    await scaled_to(world, 1)
    await delete_deployment(world.client, target)
    await world.push(1)
    await has_condition(world, "Ready", "False", "TargetMissing", seconds=20)


async def test_one_bad_pool_says_so_and_disturbs_no_other(world: QueueWorld) -> None:
    await world.target()
    await world.target("idle")
    secret = {"passwordSecret": {"name": "none", "key": "password"}}
    source = world.source("jobs")
    source["redisList"]["auth"] = secret
    await world.create_pool("classless", target="idle", accelerator={"class": "none-such"})
    await world.create_pool("secretless", target="other", demand=[source])
    await world.create_pool(
        "kindless", targetRef={"apiVersion": "none.example/v1", "kind": "None", "name": "x"}
    )
    await world.create_pool("good", replicas={"max": 1})
    world.operator().start()
    await has_condition(world, "Ready", "False", "UnknownClass", name="classless")
    await has_condition(world, "DemandKnown", "False", "SecretNotFound", name="secretless")
    await has_condition(world, "Ready", "False", "KindUnknown", name="kindless")
    await has_condition(world, "Ready", "True", name="good")
    await world.push(1)
    await scaled_to(world, 1)


async def test_a_queue_of_the_wrong_type_is_unknown_and_named(world: QueueWorld) -> None:
    await world.target(replicas=1)
    with world.queue.client as client:
        client.set("jobs", "no list")
    await world.create_pool()
    world.operator().start()
    condition = await has_condition(world, "DemandKnown", "False")
    assert "jobs" in condition["message"]
    assert await world.replicas() == 1


async def test_a_window_that_can_not_be_followed_is_named(world: QueueWorld) -> None:
    await world.target()
    windows = [
        {"name": "always", "start": "* * * * *", "end": "0 0 1 1 *"},
        {"name": "never", "start": "61 8 * * *", "end": "0 9 * * *"},
    ]
    await world.create_pool(scaleToZero={"mode": "Fixed", "idleSeconds": 1, "windows": windows})
    world.operator().start()
    condition = await has_condition(world, "Ready", "False", "InvalidWindow")
    assert "never" in condition["message"]
    await scaled_to(world, 1)
