"""How many chips one replica holds, by the limits of its pods."""

from typing import Any

import pytest

from poolkeeper.advice.placement.amounts import thousandths
from poolkeeper.advice.placement.size import MOST_CHIPS, asking, replica_size
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.objects.targets import LEADER, WORKER, PodsOfReplica, of_one_pod

CLASSES = {
    manifest["metadata"]["name"]: AcceleratorClassSpec.model_validate(manifest["spec"])
    for manifest in catalogue()
}
GPU = "nvidia.com/gpu"
SIDECAR = {"restartPolicy": "Always"}

Json = dict[str, Any]


def asks(amount: object, resource: str = GPU, **more: Any) -> Json:
    return {"resources": {"limits": {resource: amount}}, **more}


def size(name: str, *replica: PodsOfReplica) -> ReplicaSize:
    return replica_size(name, CLASSES[name], [asking(part) for part in replica])


def pod(*containers: Json, init: tuple[Json, ...] = (), **more: Any) -> Json:
    return {"spec": {"containers": list(containers), "initContainers": list(init), **more}}


PODS: dict[str, tuple[Json, int]] = {
    "one container": (pod(asks(8)), 8),
    "an amount as text": (pod(asks("8")), 8),
    "two containers at once": (pod(asks(1), asks(2), {}), 3),
    "an init container that runs alone": (pod(asks(1), init=(asks(4),)), 4),
    "init containers one after another": (pod(asks(1), init=(asks(2), asks(3))), 3),
    "a smaller init container": (pod(asks(4), init=(asks(1),)), 4),
    "a sidecar beside the server": (pod(asks(4), init=(asks(1, **SIDECAR),)), 5),
    "the server is a sidecar": (pod({}, init=(asks(8, **SIDECAR),)), 8),
    "an init container beside the sidecar before it": (pod(asks(1), init=(asks(2, **SIDECAR), asks(4))), 6),
    "an init container before the sidecar": (pod(asks(1), init=(asks(4), asks(2, **SIDECAR))), 4),
    "an amount of the whole pod": (pod(asks(1), resources={"limits": {GPU: 2}}), 2),
    "only requested": (pod({"resources": {"requests": {GPU: 2}}}), 2),
}


@pytest.mark.parametrize("case", PODS)
def test_the_chips_of_one_pod(case: str) -> None:
    template, chips = PODS[case]
    found = size("nvidia-h100", *of_one_pod(template))
    assert found == ReplicaSize(chips, 1)


def test_the_chips_of_a_group_are_those_of_the_leader_and_of_each_worker() -> None:
    group = (PodsOfReplica(pod(asks(4)), 1, LEADER), PodsOfReplica(pod(asks(8)), 3, WORKER))
    assert size("nvidia-h100", *group) == ReplicaSize(28, 4)


def test_a_leader_may_have_no_chip() -> None:
    group = (PodsOfReplica(pod({}), 1, LEADER), PodsOfReplica(pod(asks(8)), 2, WORKER))
    assert size("nvidia-h100", *group) == ReplicaSize(16, 3)


@pytest.mark.parametrize(
    ("name", "resource", "amount", "chips"),
    [
        ("aws-inferentia2", "aws.amazon.com/neuron", 6, 6),
        ("aws-inferentia2", "aws.amazon.com/neurondevice", 6, 6),
        ("aws-inferentia2", "aws.amazon.com/neuroncore", 4, 2),
        ("aws-trainium2", "aws.amazon.com/neuroncore", 9, 2),
        ("nvidia-h100-mig-1g.10gb", "nvidia.com/mig-1g.10gb", 2, 2),
        ("nvidia-h100-mig-1g.10gb", "nvidia.com/gpu", 2, 2),
        ("nvidia-h100-mig-1g.10gb", "nvidia.com/mig-2g.20gb", 2, None),
        ("nvidia-h100", "nvidia.com/mig-1g.10gb", 2, None),
        ("nvidia-l4", "nvidia.com/gpu.shared", 1, None),
        ("nvidia-l4-shared", "nvidia.com/gpu.shared", 1, 1),
        ("google-tpu-v5e", "google.com/tpu", 4, 4),
        ("amd-mi300x", "amd.com/gpu", 8, 8),
        ("intel-gaudi3", "habana.ai/gaudi", 8, 8),
    ],
)
def test_a_part_is_never_a_chip(name: str, resource: str, amount: int, chips: int | None) -> None:
    assert size(name, *of_one_pod(pod(asks(amount, resource)))).chips == chips


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (pod({}), "no container asks for nvidia.com/gpu"),
        (pod(asks(1, "google.com/tpu")), "no container asks for nvidia.com/gpu"),
        (pod(asks(1, "nvidia.com/mig-1g.10gb")), "no container asks for nvidia.com/gpu"),
        (pod(asks(MOST_CHIPS + 1)), "more than 1,000,000 chips"),
        ({"spec": {"containers": 7, "initContainers": [1]}}, "no container asks"),
        (pod(asks("9" * 5000)), "no container asks"),
        (pod(asks("1.5")), "no container asks"),
        (pod(asks(True)), "no container asks"),
    ],
)
def test_unknown_is_not_zero(template: Json, why: str) -> None:
    found = size("nvidia-h100", *of_one_pod(template))
    assert found.chips is None
    assert why in found.unknown


@pytest.mark.parametrize(
    ("name", "resources", "vcpus"),
    [
        ("aws-graviton", {"requests": {"cpu": "1500m"}, "limits": {"cpu": 4}}, 2),
        ("aws-graviton", {"limits": {"cpu": "4"}}, 4),
        ("cpu", {"requests": {"cpu": "100m"}}, 1),
        ("cpu", {}, None),
        ("google-tpu-8i", {"requests": {"cpu": "8"}}, None),
    ],
)
def test_a_class_without_a_resource_counts_vcpus(name: str, resources: Json, vcpus: int | None) -> None:
    found = size(name, *of_one_pod(pod({"resources": resources})))
    assert found.chips == vcpus
    assert bool(found.unknown) == (vcpus is None)


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (8, 8000),
        ("8", 8000),
        ("500m", 500),
        ("0.0001", 1),
        ("1.5", 1500),
        ("2k", 2_000_000),
        ("1Ki", 1_024_000),
        ("", None),
        ("-1", None),
        (-1, None),
        ("1e3", None),
        (1.5, None),
        (None, None),
        (True, None),
        ("٣", None),
    ],
)
def test_quantities(quantity: object, expected: int | None) -> None:
    assert thousandths(quantity) == expected
