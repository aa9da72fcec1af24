"""What is said of pods that ask for something else than a unit of their class."""

import pytest

from poolkeeper.advice.placement.check import placement_remarks
from poolkeeper.advice.placement.size import replica_size
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, NodeLabel
from poolkeeper.kube.objects.devices.claims import ClaimName, ClaimSource, PodClaim, PodClaims, Problem
from poolkeeper.kube.objects.devices.requests import DeviceChoice, DeviceRequest
from poolkeeper.kube.objects.targets import of_one_pod
from tests.unit.advice.placement.templates import (
    CLASSES,
    TPU,
    Json,
    container,
    placement,
    remarks,
    template,
    verdict,
)

DEVICES_ONLY = AcceleratorClassSpec(
    vendor="Example", display_name="Fast", device_class_names=("fast.example.com",)
)


def claims(*device_classes: str, product: str = "", problem: Problem | None = None) -> PodClaims:
    choices = tuple(DeviceChoice(name, 1, product=product) for name in device_classes)
    named = ClaimName("gpu", ClaimSource.TEMPLATE, "one-gpu")
    return PodClaims((PodClaim(named, (DeviceRequest("gpu", choices),) if choices else (), problem),))


def claiming(container_claims: list[Json] | None = None) -> Json:
    resources = {"claims": [{"name": "gpu"}] if container_claims is None else container_claims}
    return template(
        containers=[{"name": "server", "resources": resources}],
        resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "one-gpu"}],
    )


@pytest.mark.parametrize(
    ("name", "resource", "selector", "reason", "classes"),
    [
        ("nvidia-l4", "google.com/tpu", {TPU: "tpu-v6e-slice"}, "ResourceOfAnotherClass", "google-tpu-v6e"),
        ("nvidia-l4", "amd.com/gpu", {}, "ResourceOfAnotherClass", "amd-mi300x, amd-mi325x, amd-mi350x"),
        ("google-tpu-v5e", "nvidia.com/gpu", {}, "ResourceOfAnotherClass", "nvidia-"),
        ("nvidia-h100", "nvidia.com/mig-1g.10gb", {}, "PartRequested", "nvidia-h100-mig-1g.10gb"),
        ("nvidia-l4", "nvidia.com/gpu.shared", {}, "PartRequested", "nvidia-l4-shared"),
        (
            "nvidia-h100-mig-1g.10gb",
            "nvidia.com/mig-2g.20gb",
            {},
            "ResourceOfAnotherClass",
            "nvidia-h100-mig-2g.20gb",
        ),
    ],
)
def test_the_class_whose_resource_it_is(
    name: str, resource: str, selector: Json, reason: str, classes: str
) -> None:
    pod = template(containers=[container(resource, name="server")], nodeSelector=selector)
    remark = next(
        each for each in remarks(name, pod) if each.reason not in ("NodesExcluded", "TopologyMissing")
    )
    assert remark.reason == reason
    assert f"the pod template asks for {resource}, " in remark.message
    assert f"{classes}" in remark.message
    assert f"write in the pool accelerator: {{class: {classes.split(',')[0]}" in remark.message
    own = CLASSES[name].resource_name
    assert (
        f"or for class {name} write in container server resources: {{limits: {{{own}: 1}}}}" in remark.message
    )


MIG_OF_GKE = {"cloud.google.com/gke-gpu-partition-size": "1g.10gb"}
TIME_SHARED = {"cloud.google.com/gke-gpu-sharing-strategy": "time-sharing"}


@pytest.mark.parametrize(
    ("name", "selector", "lines"),
    [
        ("nvidia-h100", MIG_OF_GKE, "in the pool accelerator: {class: nvidia-h100-mig-1g.10gb}"),
        ("nvidia-h100-mig-2g.20gb", MIG_OF_GKE, "in the pool accelerator: {class: nvidia-h100-mig-1g.10gb}"),
        ("nvidia-l4", TIME_SHARED, "in the pool accelerator: {class: nvidia-l4-shared}"),
        (
            "nvidia-b300",
            MIG_OF_GKE,
            "a class of your own with partOf: {class: nvidia-b300, kind: MIG, profile: 1g.10gb}",
        ),
    ],
)
def test_nodes_on_which_a_gpu_is_a_part_of_one(name: str, selector: Json, lines: str) -> None:
    found = placement(name, *of_one_pod(template(nodeSelector=selector)))
    said = verdict(found)
    assert (said.holds, said.reason) == (False, "PartRequested")
    assert f"write {lines}, or select other nodes" in said.message
    assert replica_size(name, found.accelerator, found.replica).chips is None, "a slice is no GPU"


@pytest.mark.parametrize(
    ("name", "selector"),
    [
        ("nvidia-h100-mig-1g.10gb", MIG_OF_GKE),
        ("nvidia-h100-mig-1g.10gb", {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb"}),
        ("nvidia-l4-shared", TIME_SHARED),
        ("nvidia-l4-shared", {"nvidia.com/gpu.product": "NVIDIA-L4-SHARED"}),
    ],
)
def test_a_part_under_the_name_of_the_whole_is_one_unit_of_its_class(name: str, selector: Json) -> None:
    found = placement(name, *of_one_pod(template(nodeSelector=selector)))
    assert placement_remarks(found) == ()
    assert replica_size(name, found.accelerator, found.replica).chips == 1


def test_a_class_of_your_own_may_count_parts_without_saying_so() -> None:
    label = NodeLabel(key="cloud.google.com/gke-gpu-partition-size", values=("1g.10gb",))
    own = CLASSES["nvidia-h100"].model_copy(update={"node_labels": (label,)})
    found = placement("own", *of_one_pod(template(nodeSelector=MIG_OF_GKE)), classes={"own": own})
    assert placement_remarks(found) == ()
    assert replica_size("own", own, found.replica).chips == 1


def test_pods_with_accelerators_do_not_fit_a_class_of_cpus() -> None:
    (remark,) = remarks("aws-graviton", template(containers=[container("habana.ai/gaudi")]))
    assert remark.reason == "ResourceOfAnotherClass"
    assert (
        "write in the pool accelerator: {class: intel-gaudi2}, or for class aws-graviton remove it"
        in remark.message
    )
    assert remarks("google-tpu-8i", template(containers=[container("google.com/tpu")])) == ()


@pytest.mark.parametrize(
    ("name", "resource"),
    [
        ("nvidia-h200", "nvidia.com/gpu.shared"),
        ("nvidia-h100", "nvidia.com/mig-7g.80gb"),
        ("aws-inferentia2", "aws.amazon.com/neuroncore"),
        ("aws-inferentia2", "aws.amazon.com/neurondevice"),
        ("nvidia-h100-mig-1g.10gb", "nvidia.com/gpu"),
    ],
)
def test_another_name_of_the_resource_fits_where_no_class_of_its_own_is_known(
    name: str, resource: str
) -> None:
    found = placement(name, *of_one_pod(template(containers=[container(resource)])))
    assert verdict(found).holds
    assert placement_remarks(found) == ()


def test_nothing_asked_for_says_the_lines() -> None:
    (remark,) = remarks("nvidia-h100", template(containers=[{"name": "server"}]))
    assert remark.message == (
        "the pod template does not ask for nvidia.com/gpu, the resource of class nvidia-h100: write in "
        "container server resources: {limits: {nvidia.com/gpu: 1}}, or name another class in "
        "spec.accelerator.class"
    )


def test_a_class_of_devices_says_how_to_claim_one() -> None:
    pod = template(containers=[{"name": "server"}])
    (remark,) = remarks("fast", pod, classes={"fast": DEVICES_ONLY})
    for said in (
        "resourceClaims: [{name: chip, resourceClaimTemplateName: chip}]",
        "in container server resources: {claims: [{name: chip}]}",
        "spec: {spec: {devices: {requests: [{name: chip, exactly: {deviceClassName: fast.example.com}}]}}}",
    ):
        assert said in remark.message


def test_claimed_devices_of_the_class_fit() -> None:
    found = verdict(placement("nvidia-h100", *of_one_pod(claiming()), claims=claims("gpu.nvidia.com")))
    assert found.holds
    assert "a replica holds 1 of nvidia.com/gpu" in found.message


def test_the_product_that_a_claim_selects_is_shown_and_not_compared() -> None:
    claimed = claims("gpu.nvidia.com", product="NVIDIA L4")
    found = verdict(placement("nvidia-h100", *of_one_pod(claiming()), claims=claimed))
    assert found.holds
    assert "selects the product NVIDIA L4, which is not compared with the class" in found.message


@pytest.mark.parametrize(
    ("device_class", "reason", "of"),
    [
        ("mig.nvidia.com", "PartRequested", "nvidia-h100-mig-1g.10gb"),
        ("unknown.example.com", "ResourceNotRequested", ""),
    ],
)
def test_claimed_devices_of_another_class(device_class: str, reason: str, of: str) -> None:
    (remark,) = remarks("nvidia-h100", claiming(), claims=claims(device_class))
    assert remark.reason == reason
    assert of in remark.message


def test_a_claim_that_no_container_uses() -> None:
    (remark,) = remarks("nvidia-h100", claiming([]), claims=claims("gpu.nvidia.com"))
    assert remark.reason == "ClaimUnused"
    assert "write in container server resources: {claims: [{name: gpu}]}" in remark.message


@pytest.mark.parametrize(
    ("problem", "holds"),
    [
        (Problem("ClaimMissing", "ResourceClaimTemplate one-gpu does not exist", is_wrong=True), False),
        (Problem("ClaimsForbidden", "poolkeeper may not get resourceclaimtemplates"), None),
    ],
)
def test_a_claim_that_can_not_be_read(problem: Problem, holds: bool | None) -> None:
    found = verdict(placement("nvidia-h100", *of_one_pod(claiming()), claims=claims(problem=problem)))
    assert (found.holds, found.reason, found.message) == (holds, problem.reason, problem.message)
