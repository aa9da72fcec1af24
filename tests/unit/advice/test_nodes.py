"""Which class a node is of: as clouds and NVIDIA's GPU feature discovery label it, and as strangers might."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hack.testing.fleet import hardware
from hack.testing.fleet.hardware import Shape
from poolkeeper.advice.nodes import Match, Node, match, matches, read_node
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue
from poolkeeper.kube.transport.errors import KubeFailure

Json = dict[str, Any]
CLASSES = {
    manifest["metadata"]["name"]: AcceleratorClassSpec.model_validate(manifest["spec"])
    for manifest in catalogue()
}
WITH_LABELS = {name: spec for name, spec in CLASSES.items() if spec.resource_name and spec.node_labels}
WITH_RESOURCE = {name: spec for name, spec in CLASSES.items() if spec.resource_name}
PRODUCT, GKE = "nvidia.com/gpu.product", "cloud.google.com/gke-accelerator"
STRATEGY, MIG = "nvidia.com/gpu.sharing-strategy", "nvidia.com/mig.strategy"
KARPENTER = "karpenter.k8s.aws/instance-gpu-name"
MEMORY = "karpenter.k8s.aws/instance-gpu-memory"


def node(labels: Json, **offers: Any) -> Json:
    allocatable = {"cpu": "15890m", "memory": "64Gi", "pods": "110", **offers.pop("offers", offers)}
    return {"metadata": {"name": "node-1", "labels": labels}, "status": {"allocatable": allocatable}}


def gpus(labels: Json, number: int = 8) -> Json:
    return node(labels, offers={"nvidia.com/gpu": str(number)})


NODES: dict[str, tuple[Json, dict[str, int]]] = {
    "GKE": (gpus({GKE: "nvidia-l4"}, 1), {"nvidia-l4": 1}),
    "GKE, shared": (
        gpus({GKE: "nvidia-l4", "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing"}, 4),
        {"nvidia-l4-shared": 4},
    ),
    "GKE, MIG": (
        gpus({GKE: "nvidia-tesla-a100", "cloud.google.com/gke-gpu-partition-size": "1g.5gb"}, 7),
        {"nvidia-a100-40gb-mig-1g.5gb": 7},
    ),
    "EKS with Karpenter": (gpus({KARPENTER: "h100"}), {"nvidia-h100": 8}),
    "EKS, A100 by its memory": (gpus({KARPENTER: "a100", MEMORY: "81920"}), {"nvidia-a100-80gb": 8}),
    "EKS, an A100 without its memory": (gpus({KARPENTER: "a100"}), {}),
    "EKS, time-sliced": (
        gpus({KARPENTER: "l4", STRATEGY: "time-slicing", PRODUCT: "NVIDIA-L4-SHARED"}, 4),
        {"nvidia-l4-shared": 4},
    ),
    "feature discovery": (gpus({PRODUCT: "NVIDIA-H200"}), {"nvidia-h200": 8}),
    "in other letters": (gpus({PRODUCT: "TESLA-T4"}, 1), {"nvidia-t4": 1}),
    "time-sliced": (
        gpus({PRODUCT: "Tesla-T4-SHARED", STRATEGY: "time-slicing"}, 4),
        {"nvidia-t4-shared": 4},
    ),
    "time-sliced, by an older version without the strategy": (
        gpus({PRODUCT: "Tesla-T4-SHARED"}, 4),
        {"nvidia-t4-shared": 4},
    ),
    "time-sliced under another name": (
        node({PRODUCT: "Tesla-T4", STRATEGY: "time-slicing"}, offers={"nvidia.com/gpu.shared": "4"}),
        {"nvidia-t4-shared": 4},
    ),
    "shared by MPS": (gpus({PRODUCT: "NVIDIA-L40S-SHARED", STRATEGY: "mps"}, 2), {"nvidia-l40s-shared": 2}),
    "not shared": (gpus({PRODUCT: "NVIDIA-L4", STRATEGY: "none"}, 1), {"nvidia-l4": 1}),
    "MIG, single strategy": (
        gpus({PRODUCT: "A100-SXM4-40GB-MIG-1g.5gb", MIG: "single"}, 56),
        {"nvidia-a100-40gb-mig-1g.5gb": 56},
    ),
    "single strategy, not divided": (
        gpus({PRODUCT: "A100-SXM4-40GB", MIG: "single"}),
        {"nvidia-a100-40gb": 8},
    ),
    "MIG, mixed strategy": (
        node(
            {PRODUCT: "NVIDIA-H100-80GB-HBM3", MIG: "mixed"},
            offers={"nvidia.com/gpu": "0", "nvidia.com/mig-1g.10gb": "14", "nvidia.com/mig-3g.40gb": "4"},
        ),
        {"nvidia-h100-mig-1g.10gb": 14, "nvidia-h100-mig-3g.40gb": 4},
    ),
    "mixed strategy, some GPUs whole": (
        node(
            {PRODUCT: "NVIDIA-H100-80GB-HBM3", MIG: "mixed"},
            offers={"nvidia.com/gpu": "6", "nvidia.com/mig-1g.10gb": "14"},
        ),
        {"nvidia-h100": 6, "nvidia-h100-mig-1g.10gb": 14},
    ),
    "MIG slices that are shared are in no class": (
        gpus({PRODUCT: "A100-SXM4-40GB-MIG-1g.5gb-SHARED", MIG: "single", STRATEGY: "time-slicing"}, 14),
        {},
    ),
    "the same slices of another GPU": (
        node({PRODUCT: "NVIDIA-A100-SXM4-80GB"}, offers={"nvidia.com/mig-1g.10gb": "7"}),
        {"nvidia-a100-80gb-mig-1g.10gb": 7},
    ),
    "the device plugin does not run": (node({PRODUCT: "NVIDIA-B200"}), {"nvidia-b200": 0}),
    "TPU": (
        node({"cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice"}, offers={"google.com/tpu": "4"}),
        {"google-tpu-v6e": 4},
    ),
    "Neuron": (
        node(
            {"karpenter.k8s.aws/instance-accelerator-name": "trainium2"},
            offers={"aws.amazon.com/neuron": "16", "aws.amazon.com/neuroncore": "128"},
        ),
        {"aws-trainium2": 16},
    ),
    "Neuron that counts cores only": (
        node(
            {"karpenter.k8s.aws/instance-accelerator-name": "inferentia2"},
            offers={"aws.amazon.com/neuroncore": "4"},
        ),
        {"aws-inferentia2": 2},
    ),
    "AMD": (
        node({"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}, offers={"amd.com/gpu": "8"}),
        {"amd-mi300x": 8},
    ),
    "a GPU that no class describes": (gpus({PRODUCT: "GeForce-GT-710"}), {}),
    "no labels": (gpus({}), {}),
}


@pytest.mark.parametrize("case", NODES)
def test_classes_of_a_node(case: str) -> None:
    raw, classes = NODES[case]
    seen = read_node(raw)

    found = {name: match(spec, seen) for name, spec in WITH_LABELS.items()}

    assert {name: each for name, each in found.items() if each} == {
        name: Match("node-1", units) for name, units in classes.items()
    }


SHAPES: dict[str, tuple[Shape, dict[str, int]]] = {
    "GKE_L4_OF_8": (hardware.GKE_L4_OF_8, {"nvidia-l4": 8}),
    "GKE_A100": (hardware.GKE_A100, {"nvidia-a100-80gb": 8}),
    "GKE_TPU_V5E_4X4": (hardware.GKE_TPU_V5E_4X4, {"google-tpu-v5e": 4}),
    "EKS_H100": (hardware.EKS_H100, {"nvidia-h100": 8}),
    "EKS_INFERENTIA2": (hardware.EKS_INFERENTIA2, {"aws-inferentia2": 6}),
    "EKS_TRAINIUM2": (hardware.EKS_TRAINIUM2, {"aws-trainium2": 16}),
    "MIG_MIXED": (hardware.MIG_MIXED, {"nvidia-a100-40gb-mig-1g.5gb": 7}),
    "TIME_SLICED": (hardware.TIME_SLICED, {"nvidia-t4-shared": 4}),
    "AMD_MI300X": (hardware.AMD_MI300X, {"amd-mi300x": 8}),
    "DRA_H100": (hardware.DRA_H100, {"nvidia-h100": 0}),
    "CPU": (hardware.CPU, {}),
}


@pytest.mark.parametrize("case", SHAPES)
def test_classes_of_the_nodes_of_simulated_fleets(case: str) -> None:
    shape, classes = SHAPES[case]
    offers = {shape.resource: str(shape.units), **shape.more} if shape.resource else {}
    seen = read_node(node(dict(shape.labels), offers=offers))

    found = {name: those for name, those in matches(WITH_RESOURCE, [seen]).items() if those}

    assert found == {name: (Match("node-1", units),) for name, units in classes.items()}


def test_no_label_distinguishes_one_gaudi_from_another() -> None:
    gaudi = read_node(node({}, offers={"habana.ai/gaudi": "8"}))

    assert match(CLASSES["intel-gaudi2"], gaudi) == Match("node-1", 8, is_sure=False)
    assert match(CLASSES["intel-gaudi3"], gaudi) == Match("node-1", 8, is_sure=False)
    assert match(CLASSES["intel-gaudi3"], read_node(gpus({}))) is None


@pytest.mark.parametrize(
    ("architecture", "classes"), [("arm64", {"aws-graviton", "cpu"}), ("amd64", {"cpu"})]
)
def test_classes_of_cpus(architecture: str, classes: set[str]) -> None:
    seen = read_node(node({"kubernetes.io/arch": architecture}))
    found = {name: match(spec, seen) for name, spec in CLASSES.items() if spec.resource_name is None}

    assert {name: each for name, each in found.items() if each} == {
        name: Match("node-1", 15) for name in classes
    }


HOSTILE: dict[str, Json] = {
    "an endless number": node({PRODUCT: "NVIDIA-L4"}, offers={"nvidia.com/gpu": "9" * 100_000}),
    "a negative number": node({PRODUCT: "NVIDIA-L4"}, offers={"nvidia.com/gpu": "-8"}),
    "a fraction": node({PRODUCT: "NVIDIA-L4"}, offers={"nvidia.com/gpu": "0.5"}),
    "no number": node({PRODUCT: "NVIDIA-L4"}, offers={"nvidia.com/gpu": {"a": []}}),
    "digits of another script": node({PRODUCT: "NVIDIA-L4"}, offers={"nvidia.com/gpu": "٤"}),
    "marks only": node({PRODUCT: "-MIG--SHARED", STRATEGY: "time-slicing"}, offers={"nvidia.com/gpu": "4"}),
    "marks many times": node({PRODUCT: "-MIG-" * 10_000}, offers={"nvidia.com/gpu": "4"}),
    "no allocatable": {"metadata": {"name": "n", "labels": {PRODUCT: "NVIDIA-L4"}}},
    "no labels": {"metadata": {"name": "n", "labels": None}, "status": None},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_nodes(case: str) -> None:
    seen = read_node(HOSTILE[case])
    found = [match(spec, seen) for spec in WITH_LABELS.values()]

    assert all(0 <= each.units <= 1_000_000 for each in found if each)


@pytest.mark.parametrize(
    "odd",
    [{}, {"metadata": []}, {"metadata": {"name": "n", "labels": {PRODUCT: 1}}}, {"metadata": {"name": 1}}],
)
def test_what_is_no_node_is_left_out(odd: Json) -> None:
    with pytest.raises(KubeFailure):
        read_node(odd)


values = st.sampled_from(
    [
        "",
        "nvidia-l4",
        "NVIDIA-L4",
        "NVIDIA-L4-SHARED",
        "A100-SXM4-40GB-MIG-1g.5gb",
        "time-slicing",
        "mps",
        "a100",
    ]
)
keys = st.sampled_from([PRODUCT, GKE, STRATEGY, KARPENTER, MEMORY, MIG, "kubernetes.io/arch"])
resources = st.sampled_from(
    ["nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb", "google.com/tpu"]
)


@given(st.dictionaries(keys, values), st.dictionaries(resources, st.integers(0, 64)))
def test_a_unit_is_never_counted_in_a_whole_class_and_in_one_of_its_parts(
    found: dict[str, str], offers: dict[str, int]
) -> None:
    seen = Node("n", {key: value.lower() for key, value in found.items()}, offers)
    gpu = offers.get("nvidia.com/gpu", 0)
    for name, spec in WITH_LABELS.items():
        if (
            spec.part_of
            and (part := match(spec, seen))
            and (whole := match(CLASSES[spec.part_of.class_], seen))
        ):
            assert whole.units == gpu
            assert part.units == offers[spec.resource_name or ""], name
