"""Replicas of several pods on a real API server: half of one is never capacity, and is never written."""

from functools import partial
from typing import Any

from hack.testing.fleet import hardware
from hack.testing.fleet.groups import GROUP, NAME, WORKER
from hack.testing.fleet.pods import server, template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.objects import delete_pod
from hack.testing.queue_world import has_condition
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import JsonObject

RANKS = {"kind": "StatefulSet", "name": "gamma"}
GROUPS = {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "delta"}
NODE = hardware.GKE_H100


async def test_the_ranks_of_a_server_come_and_go_together(scene: Scene) -> None:
    await scene.nodes.add(NODE, 3)
    await scene.deploy_ranks("gamma", template({"app": "gamma"}, NODE, 8, load="1s"))
    await scene.create_pool(
        targetRef=RANKS, accelerator={"class": "nvidia-h100"}, replicas={"min": 0, "max": 4, "step": 2}
    )
    await scene.push(1)
    await scene.becomes(partial(_has, desired=1, ready=1), "one server of two ranks is ready")
    assert await scene.replicas_of("StatefulSet", "gamma") == 2
    await has_condition(scene, "ReplicasWhole", "True", "WholeReplicas")

    await scene.push(1)
    said = await has_condition(scene, "StartsSucceed", "Unknown", "Unschedulable", seconds=PATIENCE_SECONDS)
    assert "pod gamma-3" in said["message"] or "pod gamma-2" in said["message"]
    assert await scene.replicas_of("StatefulSet", "gamma") == 4
    found = await scene.becomes(partial(_has, desired=2, ready=1), "three nodes hold one server")
    assert found["replicas"]["starting"] == 1

    await scene.drain()
    await scene.becomes(partial(_has, desired=0, ready=0), "both servers stop")
    await scene.set_replicas("StatefulSet", "gamma", 3)
    await eventually(partial(_is_set, scene, {0, 2, 4}), "no server stays in part", PATIENCE_SECONDS)


async def test_a_group_that_lost_a_host_serves_nothing(scene: Scene) -> None:
    await scene.nodes.add(NODE, 2)
    chips = {NODE.resource: NODE.units}
    leader = template({"app": "delta"}, NODE, load="1s", containers=[server("leader", chips)])
    worker = template({"app": "delta"}, NODE, load="1s", containers=[server("worker", chips, probed=False)])
    lws = await scene.deploy_groups("delta", worker, 2, leader=leader, restartPolicy="None")
    assert lws["spec"]["leaderWorkerTemplate"]["restartPolicy"] == "None"
    await scene.create_pool(
        targetRef=GROUPS, accelerator={"class": "nvidia-h100"}, replicas={"min": 1, "max": 1}
    )
    await scene.becomes(partial(_has, desired=1, ready=1), "the group is ready")

    await scene.nodes.stock_out()
    await delete_pod(scene.client, scene.namespace, "delta-0-1")
    await scene.becomes(partial(_has, desired=1, ready=0), "a leader without its worker serves nothing")
    assert await scene.ready_pods(f"{NAME}=delta,{WORKER}=0,{GROUP}=0") == 1
    said = await has_condition(scene, "StartsSucceed", "Unknown", "Unschedulable", seconds=PATIENCE_SECONDS)
    assert "pod delta-0-1" in said["message"]
    await scene.nodes.restock()
    await scene.becomes(partial(_has, desired=1, ready=1), "the group is whole again")


async def test_pools_that_are_only_useful_together(scene: Scene) -> None:
    await scene.nodes.add(hardware.GKE_L4, 2)
    for name in ("prefill", "decode"):
        await scene.deploy(name, template({"app": name}, hardware.GKE_L4, load="1s"))
    shared: dict[str, Any] = {"accelerator": {"class": "nvidia-l4"}}
    prefill = {"demand": [scene.source("prompts")], "with": [{"name": "decode"}]}
    await scene.create_pool("prefill", target="prefill", **shared, **prefill)
    await scene.create_pool("decode", target="decode", **shared)
    await has_condition(scene, "PartnersFound", "True", name="prefill", seconds=PATIENCE_SECONDS)
    await scene.push(1)
    for name in ("prefill", "decode"):
        await scene.becomes(partial(_has, desired=1, ready=1), f"{name} is up", pool=name)
    await scene.drain()
    for name in ("prefill", "decode"):
        await scene.becomes(partial(_has, desired=0, ready=0), f"{name} is at zero", pool=name)


def _has(status: JsonObject, *, desired: int, ready: int) -> bool:
    replicas = status.get("replicas") or {}
    return (replicas.get("desired"), replicas.get("ready")) == (desired, ready)


async def _is_set(scene: Scene, wanted: set[int]) -> bool:
    return await scene.replicas_of("StatefulSet", "gamma") in wanted
