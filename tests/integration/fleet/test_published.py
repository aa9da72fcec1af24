"""Manifests of the shapes that people publish: what a pool beside each of them says, so that its reader knows
what to do. The traps are in the head lines of the files in `published/`."""

from pathlib import Path
from typing import NamedTuple

import pytest

from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.queue_world import has_condition

PUBLISHED = Path(__file__).with_name("published")


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


@pytest.mark.parametrize("manifest", sorted({each.manifest for each in SAID}))
async def test_what_a_pool_says_of_a_published_manifest(scene: Scene, manifest: str) -> None:
    await scene.publish((PUBLISHED / f"{manifest}.yaml").read_text())
    for said in (each for each in SAID if each.manifest == manifest):
        found = await has_condition(
            scene, said.condition, said.status, said.reason, name=said.pool, seconds=PATIENCE_SECONDS
        )
        for words in said.words:
            assert words in found["message"]
