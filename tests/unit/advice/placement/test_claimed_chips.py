"""How many chips one replica holds by its resource claims."""

from typing import Any

import pytest

from poolkeeper.advice.placement.amounts import asked_by
from poolkeeper.advice.placement.size import PodsAsking, replica_size
from poolkeeper.advice.placement.units import classes_to_ask, per_unit
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.objects.devices.claims import ClaimName, ClaimSource, PodClaim, PodClaims, Problem
from poolkeeper.kube.objects.devices.requests import DeviceChoice, DeviceRequest

GPU = AcceleratorClassSpec(
    vendor="NVIDIA",
    display_name="H100",
    resource_name="nvidia.com/gpu",
    device_class_names=("gpu.nvidia.com",),
)
SLICE = AcceleratorClassSpec(vendor="NVIDIA", display_name="a slice", device_class_names=("mig.nvidia.com",))
PROBLEM = Problem("ClaimMissing", "ResourceClaimTemplate t does not exist", is_wrong=True)

Json = dict[str, Any]


def choice(device_class: str = "gpu.nvidia.com", devices: int | None = 1, why: str = "") -> DeviceChoice:
    return DeviceChoice(device_class, devices, why)


def claim(*choices: DeviceChoice, source: ClaimSource = ClaimSource.TEMPLATE) -> PodClaim:
    return PodClaim(ClaimName("gpu", source, "t"), (DeviceRequest("one", choices),))


def pods(*claims: PodClaim, spec: Json | None = None, count: int = 1, **extended: str) -> PodsAsking:
    names = {name.replace("_", "."): resource for name, resource in extended.items()}
    return PodsAsking(count, "", spec or {}, asked_by(spec or {}), PodClaims(claims, names))


def limits(**amounts: int) -> Json:
    named = {"nvidia.com/gpu" if name == "gpu" else name: amount for name, amount in amounts.items()}
    return {"containers": [{"resources": {"limits": named}}]}


BY_NAME = {"deviceclass.resource.kubernetes.io/gpu.nvidia.com": 2}
KNOWN: dict[str, tuple[AcceleratorClassSpec, PodsAsking, int]] = {
    "one device": (GPU, pods(claim(choice())), 1),
    "eight devices": (GPU, pods(claim(choice(devices=8))), 8),
    "two claims": (GPU, pods(claim(choice()), claim(choice(devices=2))), 3),
    "a claim of each pod": (GPU, pods(claim(choice(devices=4)), count=4), 16),
    "limits and a claim": (GPU, pods(claim(choice()), spec=limits(gpu=2)), 3),
    "a network card beside the limits": (GPU, pods(claim(choice("rdma.example.com")), spec=limits(gpu=8)), 8),
    "a slice is a unit of its own class": (SLICE, pods(claim(choice("mig.nvidia.com", 3))), 3),
    "choices of the same size": (GPU, pods(claim(choice(devices=2), choice(devices=2))), 2),
    "a class that serves the resource": (
        GPU,
        pods(claim(choice("fast.example.com", 2)), fast_example_com="nvidia.com/gpu"),
        2,
    ),
    "a resource that a class serves": (
        SLICE,
        pods(spec=limits(**{"example.com/slice": 2}), mig_nvidia_com="example.com/slice"),
        2,
    ),
    "a resource named after a class": (GPU, pods(spec=limits(**BY_NAME)), 2),
}
UNKNOWN: dict[str, tuple[AcceleratorClassSpec, PodsAsking, str]] = {
    "a slice is no GPU": (GPU, pods(claim(choice("mig.nvidia.com"))), "no container asks for nvidia.com/gpu"),
    "a GPU is no slice": (SLICE, pods(claim(choice())), "asks for a device of mig.nvidia.com"),
    "all of a node": (GPU, pods(claim(choice(devices=None, why="allocationMode is All"))), "is All"),
    "a GPU or else two slices": (
        GPU,
        pods(claim(choice(), choice("mig.nvidia.com", 2))),
        "different numbers",
    ),
    "one or else two": (GPU, pods(claim(choice(), choice(devices=2))), "different numbers"),
    "one claim for all": (GPU, pods(claim(choice(), source=ClaimSource.CLAIM)), "all replicas share"),
    "an admin's access": (GPU, pods(claim(choice(devices=0))), "no container asks"),
    "a claim that is not there": (
        GPU,
        pods(PodClaim(ClaimName("gpu", ClaimSource.TEMPLATE, "t"), problem=PROBLEM), spec=limits(gpu=8)),
        "does not exist",
    ),
}


@pytest.mark.parametrize("case", KNOWN)
def test_claimed(case: str) -> None:
    accelerator, asking, chips = KNOWN[case]
    assert replica_size("ours", accelerator, [asking]) == ReplicaSize(chips, asking.pods)


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_is_not_zero(case: str) -> None:
    accelerator, asking, why = UNKNOWN[case]
    found = replica_size("ours", accelerator, [asking])
    assert found.chips is None
    assert why in found.unknown


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        (limits(gpu=1), ()),
        (limits(**BY_NAME), ()),
        (limits(**{"example.com/gpu": 1}), ("gpu.nvidia.com",)),
        (limits(cpu=4), ()),
        ({}, ()),
    ],
)
def test_a_device_class_is_read_only_where_a_resource_is_not_recognised(
    spec: Json, asked: tuple[str]
) -> None:
    assert classes_to_ask(GPU, asked_by(spec)) == asked


def test_the_resources_of_a_class() -> None:
    assert per_unit(GPU, {"gpu.nvidia.com": "nvidia.com/gpu"}) == {
        "nvidia.com/gpu": 1,
        "deviceclass.resource.kubernetes.io/gpu.nvidia.com": 1,
    }
