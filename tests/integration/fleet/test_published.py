"""Manifests of the shapes that people publish: what a pool beside each of them says, so that its reader knows
what to do. The traps are in the head lines of the files in `published/`."""

import asyncio
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from hack.testing.fleet import hardware
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.objects import patch
from hack.testing.queue_world import has_condition
from hack.testing.waiting import eventually

PUBLISHED = Path(__file__).with_name("published")
IDLE_SECONDS = 3.0
"""For longer than a pool of these files stays up without work, were it to decide alone."""


class Said(NamedTuple):
    """One condition of a pool, and words that its message has."""

    manifest: str
    pool: str
    condition: str
    status: str
    reason: str
    words: tuple[str, ...]


NO_PROBE = ("has no readiness probe, so its pod is Ready as soon as its process runs",)
EIGHT_PER_HOST = (
    "a pod asks for 8 chips",
    "write in the class machineTypes: [{name: MACHINE-TYPE, chips: 8}]",
)
WHOLE_SLICE = (
    "a replica holds 16 of google.com/tpu on 4 pods",
    "GKE itself adds the toleration of google.com/tpu",
)
TWO_WRITERS = ("scales the same target: delete it or this pool. Until then, this pool writes nothing",)
SAID = [
    Said("server-without-probes", "writer", "ReadinessProbed", "False", "NoReadinessProbe", NO_PROBE),
    Said("server-without-probes", "writer", "PlacementMatches", "Unknown", "HostTooSmall", EIGHT_PER_HOST),
    Said(
        "server-without-probes",
        "writer",
        "StartsSucceed",
        "Unknown",
        "Unschedulable",
        ("has waited for a node since",),
    ),
    Said("ranks", "pair", "ReadinessProbed", "False", "NoReadinessProbe", NO_PROBE),
    Said("ranks", "pair", "PlacementMatches", "False", "RanksApart", ("replicas: {step: 2}",)),
    Said("group-on-gpus", "duo", "ReadinessProbed", "True", "ReadinessProbe", ("container head has",)),
    Said(
        "group-on-gpus",
        "duo",
        "PlacementMatches",
        "True",
        "TemplateFitsClass",
        ("a replica holds 12 of nvidia.com/gpu on 2 pods",),
    ),
    Said("group-on-tpus", "slice", "ReadinessProbed", "True", "ReadinessProbe", ("container head has",)),
    Said("group-on-tpus", "slice", "PlacementMatches", "True", "TemplateFitsClass", WHOLE_SLICE),
    Said(
        "group-held-by-kueue",
        "held",
        "StartsSucceed",
        "Unknown",
        "SchedulingGated",
        (
            "held by the scheduling gate kueue.x-k8s.io/admission",
            "Kueue, for example, once its queue has quota",
        ),
    ),
    Said("server-without-metrics", "small", "ReadinessProbed", "False", "NoReadinessProbe", NO_PROBE),
    Said("worker-of-celery", "renderer", "SoleWriter", "False", "ScaledObject", TWO_WRITERS),
    Said(
        "worker-of-celery",
        "renderer",
        "DemandKnown",
        "True",
        "InFlightUnseen",
        ("requests in flight can't be seen",),
    ),
    Said("worker-of-bullmq", "runner", "SoleWriter", "False", "ScaledObject", TWO_WRITERS),
    Said("decoder-of-an-endpoint-picker", "decoder", "SoleWriter", "False", "ScaledObject", TWO_WRITERS),
]

"""What is said without any more being done."""


@pytest.mark.parametrize("manifest", sorted({each.manifest for each in SAID}))
async def test_what_a_pool_says_of_a_published_manifest(scene: Scene, manifest: str) -> None:
    await _publish(scene, manifest)
    for said in (each for each in SAID if each.manifest == manifest):
        found = await has_condition(
            scene, said.condition, said.status, said.reason, name=said.pool, seconds=PATIENCE_SECONDS
        )
        for words in said.words:
            assert words in found["message"]


async def test_two_ranks_are_one_server_once_the_pool_says_so(scene: Scene) -> None:
    await scene.nodes.add(hardware.EKS_H100, 2)
    await _publish(scene, "ranks")
    pool = scene.path("acceleratorpools", "pair")
    await patch(scene.client, pool, {"spec": {"replicas": {"step": 2}}})
    whole = await has_condition(scene, "ReplicasWhole", "True", name="pair", seconds=PATIENCE_SECONDS)
    assert "2 for each replica" in whole["message"]
    await scene.push(1, "pair")
    await eventually(partial(_ready, scene, 2), "both ranks are ready", PATIENCE_SECONDS)
    said = await has_condition(scene, "PlacementMatches", "True", name="pair", seconds=PATIENCE_SECONDS)
    assert "a replica holds 16 of nvidia.com/gpu on 2 pods" in said["message"]
    assert "two pods that listen on the same port can't share a node" in said["message"]
    assert await scene.replicas_of("StatefulSet", "pair") == 2
    with scene.queue.client as client:
        client.lmove("pair", "pair-busy", "LEFT", "RIGHT")
        await asyncio.sleep(2.0)
        client.delete("pair-busy")
    await eventually(partial(_ready, scene, 0), "both ranks are gone", PATIENCE_SECONDS)
    assert await scene.replicas_of("StatefulSet", "pair") == 0


async def test_a_group_that_kueue_holds_is_neither_slow_nor_broken(scene: Scene) -> None:
    await scene.nodes.add(hardware.EKS_H100, 2)
    await scene.push(1, "held")
    await _publish(scene, "group-held-by-kueue")
    await has_condition(
        scene, "StartsSucceed", "Unknown", "SchedulingGated", name="held", seconds=PATIENCE_SECONDS
    )
    for pod in await scene.pods():
        assert pod["metadata"]["annotations"]["kueue.x-k8s.io/podset-group-name"] == "held"
    await scene.open_gates()
    await eventually(partial(_ready, scene, 2), "the group is ready", PATIENCE_SECONDS)
    await has_condition(scene, "StartsSucceed", "True", name="held", seconds=PATIENCE_SECONDS)


async def test_a_sorted_set_is_not_taken_for_an_empty_list(scene: Scene) -> None:
    """BullMQ keeps jobs with a priority in a sorted set, which no source reads yet."""
    await _publish(scene, "worker-of-bullmq")
    with scene.queue.client as client:
        client.zadd("bull:run:prioritized", {"job": 1})
    said = await has_condition(
        scene, "DemandKnown", "False", "WrongType", name="runner", seconds=PATIENCE_SECONDS
    )
    assert "key 'bull:run:prioritized' holds a zset, not a list" in said["message"]


@pytest.mark.parametrize("target", ["renderer", "runner", "decoder"])
async def test_nothing_is_scaled_beside_a_scaler_of_keda(scene: Scene, target: str) -> None:
    """Its trigger may read an empty queue where jobs wait, and ours a part of them."""
    manifest = next(each.manifest for each in SAID if each.pool == target)
    await _publish(scene, manifest)
    await has_condition(scene, "SoleWriter", "False", "ScaledObject", name=target, seconds=PATIENCE_SECONDS)
    await asyncio.sleep(IDLE_SECONDS)
    assert await scene.replicas(target) == 1


async def _publish(scene: Scene, manifest: str) -> None:
    await scene.publish((PUBLISHED / f"{manifest}.yaml").read_text())


async def _ready(scene: Scene, pods: int) -> bool:
    return await scene.ready_pods() == pods
