"""What keeps a pod template off a class's nodes, and how many chips it takes."""

from typing import Any

import pytest

from poolkeeper.advice.placement.check import placement_advice
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue

CLASSES = {
    manifest["metadata"]["name"]: AcceleratorClassSpec.model_validate(manifest["spec"])
    for manifest in catalogue()
}
GKE = "cloud.google.com/gke-accelerator"
EXISTS = {"operator": "Exists"}

Json = dict[str, Any]


def container(resource: str = "nvidia.com/gpu", amount: int | str = 1, **more: Any) -> Json:
    return {"resources": {"limits": {resource: amount, "cpu": "500m"}}, **more}


def template(**pod: Any) -> Json:
    """A template that asks for one GPU and tolerates everything, with these changes."""
    return {"spec": {"containers": [container()], "tolerations": [EXISTS], **pod}}


def affinity(*terms: list[Json]) -> Json:
    selector = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}


def on_gke(operator: str, *values: str) -> Json:
    return {"key": GKE, "operator": operator, "values": list(values)}


FITS: dict[str, Json] = {
    "asks and tolerates": template(),
    "asks by requests": template(containers=[{"resources": {"requests": {"nvidia.com/gpu": "1"}}}]),
    "an init container asks": template(containers=[{}], initContainers=[container()]),
    "asks for a shared chip": template(containers=[container("nvidia.com/gpu.shared")]),
    "claims a device": template(containers=[{}], resourceClaims=[{"name": "gpu"}]),
    "selects the class": template(nodeSelector={GKE: "nvidia-l4"}),
    "selects the class in other letters": template(nodeSelector={"nvidia.com/gpu.product": "nvidia-l4"}),
    "selects something else": template(nodeSelector={"topology.kubernetes.io/zone": "a"}),
    "one of two terms fits": template(
        affinity=affinity([on_gke("In", "nvidia-b200")], [on_gke("In", "nvidia-l4", "nvidia-b200")])
    ),
    "affinity rules out others": template(affinity=affinity([on_gke("NotIn", "nvidia-b200")])),
    "affinity asks for any": template(affinity=affinity([on_gke("Exists")])),
    "tolerates the key": template(tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}]),
    "tolerates a value": template(tolerations=[{"key": "nvidia.com/gpu", "value": "present"}]),
}

ADVISED: dict[str, tuple[Json, str, str]] = {
    "asks for nothing": (
        template(containers=[{}]),
        "ResourceNotRequested",
        "does not ask for nvidia.com/gpu",
    ),
    "asks for none": (template(containers=[container(amount=0)]), "ResourceNotRequested", "nvidia-l4"),
    "asks for another": (
        template(containers=[container("google.com/tpu")]),
        "ResourceNotRequested",
        "limits",
    ),
    "selects another": (
        template(nodeSelector={GKE: "nvidia-b200"}),
        "NodesExcluded",
        f"nodeSelector {GKE}=nvidia-b200 excludes the nodes of class nvidia-l4, whose {GKE} is nvidia-l4",
    ),
    "affinity for another": (
        template(affinity=affinity([on_gke("In", "nvidia-b200")], [on_gke("DoesNotExist")])),
        "NodesExcluded",
        f"the required node affinity on {GKE}",
    ),
    "affinity against it": (
        template(affinity=affinity([on_gke("NotIn", "nvidia-l4")])),
        "NodesExcluded",
        GKE,
    ),
    "tolerates nothing": (template(tolerations=[]), "TaintNotTolerated", "ExtendedResourceToleration"),
    "tolerates another key": (
        template(tolerations=[{"key": "a", **EXISTS}]),
        "TaintNotTolerated",
        "key nvidia",
    ),
    "tolerates another effect": (
        template(tolerations=[{"effect": "NoExecute", **EXISTS}]),
        "TaintNotTolerated",
        "nvidia.com/gpu:NoSchedule",
    ),
}


@pytest.mark.parametrize("case", FITS)
def test_fits(case: str) -> None:
    assert placement_advice("nvidia-l4", CLASSES["nvidia-l4"], FITS[case]) == ()


@pytest.mark.parametrize("case", ADVISED)
def test_advised(case: str) -> None:
    pod_template, reason, part = ADVISED[case]
    (advice,) = placement_advice("nvidia-l4", CLASSES["nvidia-l4"], pod_template)
    assert advice.reason == reason
    assert part in advice.message


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = template(containers=[{}], nodeSelector={GKE: "nvidia-b200"}, tolerations=[])
    reasons = [advice.reason for advice in placement_advice("nvidia-l4", CLASSES["nvidia-l4"], wrong)]
    assert reasons == ["ResourceNotRequested", "NodesExcluded", "TaintNotTolerated"]


@pytest.mark.parametrize(
    ("name", "selector", "reasons"),
    [
        ("aws-graviton", {"kubernetes.io/arch": "amd64"}, ["NodesExcluded"]),
        ("aws-graviton", {"kubernetes.io/arch": "arm64"}, []),
        ("google-tpu-8i", {"kubernetes.io/arch": "amd64"}, ["NodesExcluded"]),
        ("cpu", {"kubernetes.io/arch": "amd64"}, []),
    ],
)
def test_the_architecture_of_the_hosts_counts(name: str, selector: Json, reasons: list[str]) -> None:
    advice = placement_advice(name, CLASSES[name], {"spec": {"nodeSelector": selector}})
    assert [one.reason for one in advice] == reasons


@pytest.mark.parametrize(
    "garbage",
    [
        {},
        {"spec": None},
        {"spec": {"containers": "x", "tolerations": [1]}},
        {"spec": {"affinity": affinity([{"key": GKE, "operator": "Exists", "values": 7}])}},
        {"spec": {"containers": [container(amount="0" * 5000)]}},
    ],
)
def test_a_template_that_is_none_asks_for_nothing(garbage: Json) -> None:
    advice = placement_advice("nvidia-l4", CLASSES["nvidia-l4"], garbage)
    assert [one.reason for one in advice] == ["ResourceNotRequested", "TaintNotTolerated"]
