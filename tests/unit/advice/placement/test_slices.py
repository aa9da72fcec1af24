"""What is said of replicas that are no whole slice of a TPU class."""

import pytest

from poolkeeper.advice.placement.check import placement_remarks
from poolkeeper.advice.placement.slices import Hosts, offered
from poolkeeper.api.accelerator_class import MachineType
from poolkeeper.kube.objects.targets import PodsOfReplica, of_one_pod
from tests.unit.advice.placement.templates import (
    CLASSES,
    TOPOLOGY,
    TPU,
    Json,
    container,
    group,
    placement,
    template,
    tpu_host,
)

V5E = "google-tpu-v5e"
V6E_LABEL = "tpu-v6e-slice"
Replica = tuple[PodsOfReplica, ...]


def affine(*topologies: str) -> Json:
    """A host that selects its topology by affinity."""
    expression = {"key": TOPOLOGY, "operator": "In", "values": list(topologies)}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return template(
        containers=[container("google.com/tpu", 4)],
        nodeSelector={TPU: "tpu-v5-lite-podslice"},
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
    )


WHOLE: dict[str, tuple[str, str, Replica]] = {
    "one chip": (V5E, "Deployment", of_one_pod(tpu_host("1x1", 1))),
    "one host of four": (V5E, "Deployment", of_one_pod(tpu_host("2x2", 4))),
    "one host of eight": (V5E, "Deployment", of_one_pod(tpu_host("2x4", 8))),
    "four hosts": (V5E, "LeaderWorkerSet", group(tpu_host("4x4", 4), 4)),
    "eight hosts": (V5E, "LeaderWorkerSet", group(tpu_host("4x8", 4), 8)),
    "four ranks of a StatefulSet": (V5E, "StatefulSet", (PodsOfReplica(tpu_host("4x4", 4), 4),)),
    "2x4 on one host": ("google-tpu-v6e", "Deployment", of_one_pod(tpu_host("2x4", 8, V6E_LABEL))),
    "2x4 on two hosts": ("google-tpu-v6e", "LeaderWorkerSet", group(tpu_host("2x4", 4, V6E_LABEL), 2)),
    "three sides": ("google-tpu-7x", "LeaderWorkerSet", group(tpu_host("2x2x4", 4, "tpu7x"), 4)),
    "a class without a list": (
        "google-tpu-v4",
        "LeaderWorkerSet",
        group(tpu_host("2x2x4", 4, "tpu-v4-podslice"), 4),
    ),
    "a leader without chips": (
        V5E,
        "LeaderWorkerSet",
        group(tpu_host("4x4", 4), 5, {"spec": {"containers": [{}]}}),
    ),
    "selected by affinity": (V5E, "LeaderWorkerSet", group(affine("4x4"), 4)),
    "one of several": (V5E, "LeaderWorkerSet", group(affine("2x2", "4x4"), 4)),
}

UNTYPED = template(containers=[container("google.com/tpu", 4)], nodeSelector={TOPOLOGY: "4x4"})
WRONG: dict[str, tuple[str, str, Replica, str, tuple[str, ...]]] = {
    "no topology": (
        V5E,
        "LeaderWorkerSet",
        group(tpu_host(None, 4), 4),
        "TopologyMissing",
        (f"nodeSelector: {{{TPU}: tpu-v5-lite-podslice, {TOPOLOGY}: 4x4}}", "has 1x1, 2x2, 2x4, 4x4"),
    ),
    "a topology of any type": (
        V5E,
        "LeaderWorkerSet",
        group(UNTYPED, 4),
        "TopologyMissing",
        (f"nodeSelector: {{{TPU}: tpu-v5-lite-podslice, {TOPOLOGY}: 4x4}}",),
    ),
    "a topology that does not exist": (
        V5E,
        "LeaderWorkerSet",
        group(tpu_host("4x5", 4), 8),
        "TopologyUnknown",
        (
            "class google-tpu-v5e has no topology 4x5",
            "there are 1x1, 2x2, 2x4, 4x4, 4x8, 8x8, 8x16, 16x16",
            f"nodeSelector: {{{TOPOLOGY}: 4x8}}",
        ),
    ),
    "a topology that hosts do not divide": (
        "google-tpu-v4",
        "LeaderWorkerSet",
        group(tpu_host("3x3x1", 4, "tpu-v4-podslice"), 2),
        "TopologyUnknown",
        ("there are 2x2x1, 2x2x2", f"nodeSelector: {{{TOPOLOGY}: 2x2x2}}"),
    ),
    "too few hosts": (
        V5E,
        "LeaderWorkerSet",
        group(tpu_host("4x4", 4), 2),
        "ChipsNotOfSlice",
        (
            "topology 4x4 of class google-tpu-v5e is 4 hosts with 4 chips each",
            "a replica is 2 pods with 4 of google.com/tpu each",
            "write leaderWorkerTemplate: {size: 4}",
        ),
    ),
    "too few chips": (
        V5E,
        "LeaderWorkerSet",
        group(tpu_host("4x4", 1), 4),
        "ChipsNotOfSlice",
        ("4 pods with 1 of google.com/tpu each: write in each pod resources: {limits: {google.com/tpu: 4}}",),
    ),
    "hosts that differ": (
        V5E,
        "LeaderWorkerSet",
        group(tpu_host("4x4", 4), 4, tpu_host("4x4", 1)),
        "ChipsNotOfSlice",
        ("with 1 or 4 of google.com/tpu each",),
    ),
    "all chips in one pod": (
        V5E,
        "Deployment",
        of_one_pod(tpu_host("4x4", 16)),
        "ChipsNotOfSlice",
        (
            "a LeaderWorkerSet, since a replica of a Deployment is one pod, with "
            f"leaderWorkerTemplate: {{size: 4}} (or for one host nodeSelector: {{{TOPOLOGY}: 2x4}})",
            "and in each pod resources: {limits: {google.com/tpu: 4}}",
        ),
    ),
    "ranks without a step": (
        V5E,
        "StatefulSet",
        of_one_pod(tpu_host("4x4", 4)),
        "ChipsNotOfSlice",
        ("write in the pool replicas: {step: 4}",),
    ),
    "different topologies": (
        V5E,
        "LeaderWorkerSet",
        group(tpu_host("4x4", 4), 4, tpu_host("2x2", 4)),
        "TopologyMismatch",
        ("(2x2, 4x4)", f"write the same {TOPOLOGY} in each"),
    ),
}


@pytest.mark.parametrize("case", WHOLE)
def test_a_whole_slice(case: str) -> None:
    name, kind, replica = WHOLE[case]
    assert placement_remarks(placement(name, *replica, target_kind=kind)) == ()


@pytest.mark.parametrize("case", WRONG)
def test_no_whole_slice(case: str) -> None:
    name, kind, replica, reason, parts = WRONG[case]
    (remark,) = placement_remarks(placement(name, *replica, target_kind=kind))
    assert (remark.reason, remark.holds) == (reason, False)
    for part in parts:
        assert part in remark.message


@pytest.mark.parametrize("machines", [(), (MachineType(name="odd", chips=7),)])
def test_a_class_without_topologies_asks_for_none(machines: tuple[MachineType, ...]) -> None:
    own = CLASSES[V5E].model_copy(update={"slices": (), "machine_types": machines})
    for host in (tpu_host(None, 4), tpu_host("4x4", 4)):
        assert placement_remarks(placement("own", *of_one_pod(host), classes={"own": own})) == ()


@pytest.mark.parametrize("name", [name for name, spec in CLASSES.items() if spec.slices])
def test_every_topology_of_the_catalogue_is_offered(name: str) -> None:
    for each in CLASSES[name].slices:
        assert Hosts(each.hosts, each.chips // each.hosts) in offered(CLASSES[name], each.topology)


@pytest.mark.parametrize("topology", ["", "0x4x4", "4", "axb", "4x4x", "2x2x2x2", "9999x1x1", "x" * 10_000])
def test_what_is_no_topology_is_not_offered(topology: str) -> None:
    assert offered(CLASSES["google-tpu-v4"], topology) == []
