"""Pod templates that can't run on nodes of their class: what the pool says, with the lines to write, by an
operator with the rights of a default install."""

import asyncio
from typing import Any, NamedTuple

from hack.testing.fleet import claims, groups, hardware
from hack.testing.fleet.pods import server, template
from hack.testing.fleet.scene import PATIENCE_SECONDS, Scene
from hack.testing.objects import patch
from hack.testing.queue_world import has_condition
from poolkeeper.kube.objects.devices.kept import FAILURE_KEPT_SECONDS

SLICE = hardware.GKE_TPU_V5E_4X4
NO_SUCH_SLICE = hardware.gke_tpu("tpu-v5-lite-podslice", "4x5", 4)

Json = dict[str, Any]


class Wrong(NamedTuple):
    """A Deployment of a template beside a pool of a class."""

    accelerator: str
    template: Json
    status: str
    reason: str
    words: str


def claimed(**claim: str) -> Json:
    pod_claims = [{"name": "chips", **claim}]
    container = server(resources={"claims": [{"name": "chips"}]})
    labels = {"app": "x"}
    return template(labels, hardware.DRA_H100, containers=[container], resourceClaims=pod_claims)


def of(shape: hardware.Shape, units: int = 1) -> Json:
    return template({"app": "x"}, shape, units, load="1s")


WRONG = {
    "part": Wrong(
        "nvidia-a100-40gb",
        of(hardware.MIG_MIXED),
        "False",
        "PartRequested",
        "write in the pool accelerator: {class: nvidia-a100-40gb-mig-1g.5gb}",
    ),
    "other": Wrong(
        "nvidia-l4",
        of(hardware.EKS_INFERENTIA2),
        "False",
        "ResourceOfAnotherClass",
        "the pod template asks for aws.amazon.com/neuron, the resource of classes aws-inferentia2, ",
    ),
    "topology": Wrong(
        "google-tpu-v5e",
        of(NO_SUCH_SLICE, 4),
        "False",
        "TopologyUnknown",
        "class google-tpu-v5e has no topology 4x5; there are 1x1, 2x2, 2x4, 4x4",
    ),
    "half": Wrong(
        "google-tpu-v5e",
        of(SLICE, 4),
        "False",
        "ChipsNotOfSlice",
        "since a replica of a Deployment is one pod, with leaderWorkerTemplate: {size: 4}",
    ),
    "shared": Wrong(
        "nvidia-h100",
        claimed(resourceClaimName="for-all"),
        "True",
        "TemplateFitsClass",
        "all replicas share ResourceClaim for-all, so no chip belongs to one replica",
    ),
    "absent": Wrong(
        "nvidia-h100",
        claimed(resourceClaimTemplateName="absent"),
        "False",
        "ClaimMissing",
        "ResourceClaimTemplate absent, which claim chips names, does not exist",
    ),
}


async def test_each_mistake_has_its_reason_and_the_lines_to_write(scene: Scene) -> None:
    await claims.create_device_class(scene.client)
    spec = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}}
    await scene.apply(
        {
            "apiVersion": claims.API_VERSION,
            "kind": "ResourceClaim",
            "metadata": {"name": "for-all"},
            "spec": spec,
        }
    )
    for name, wrong in WRONG.items():
        labelled = {**wrong.template, "metadata": {**wrong.template["metadata"], "labels": {"app": name}}}
        await scene.deploy(name, labelled)
        await scene.create_pool(name, target=name, accelerator={"class": wrong.accelerator})
    for name, wrong in WRONG.items():
        said = await has_condition(
            scene, "PlacementMatches", wrong.status, wrong.reason, name=name, seconds=PATIENCE_SECONDS
        )
        assert wrong.words in said["message"]

    await claims.create_claim_template(scene.client, scene.namespace, "absent", devices=2)
    await asyncio.sleep(FAILURE_KEPT_SECONDS)
    await patch(scene.client, f"{scene.path('acceleratorpools')}/absent", {"spec": {"replicas": {"max": 2}}})
    said = await has_condition(
        scene, "PlacementMatches", "True", "TemplateFitsClass", name="absent", seconds=PATIENCE_SECONDS
    )
    assert "a replica holds 2 of nvidia.com/gpu" in said["message"]


async def test_a_group_that_is_smaller_than_its_slice(scene: Scene) -> None:
    await scene.deploy_groups("small", template({"app": "small"}, SLICE, 4, load="1s"), 2)
    target = {"apiVersion": groups.API_VERSION, "kind": "LeaderWorkerSet", "name": "small"}
    await scene.create_pool(targetRef=target, accelerator={"class": "google-tpu-v5e"})
    said = await has_condition(
        scene, "PlacementMatches", "False", "ChipsNotOfSlice", seconds=PATIENCE_SECONDS
    )
    for words in (
        "topology 4x4 of class google-tpu-v5e is 4 hosts with 4 chips each",
        "a replica is 2 pods with 4 of google.com/tpu each: write leaderWorkerTemplate: {size: 4}",
    ):
        assert words in said["message"]
