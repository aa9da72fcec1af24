"""Whether pod templates fit their class, in one verdict; nodes and taints in particular."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.advice.placement.check import MOST_CHARACTERS, placement_remarks
from poolkeeper.advice.placement.remark import Remark
from poolkeeper.core.values.decision import Verdict
from poolkeeper.kube.objects.targets import of_one_pod
from tests.unit.advice.placement.templates import (
    CLASSES,
    EXISTS,
    GKE,
    Json,
    container,
    group,
    placement,
    remarks,
    template,
    tpu_host,
    verdict,
)

ON_CPU = {"resources": {"limits": {"cpu": "500m"}}}
L4_ONLY = {"nvidia-l4": CLASSES["nvidia-l4"]}


def affinity(*terms: list[Json]) -> Json:
    selector = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}


def on_gke(operator: str, *values: str) -> Json:
    return {"key": GKE, "operator": operator, "values": list(values)}


FITS: dict[str, Json] = {
    "asks and tolerates": template(),
    "asks by requests": template(containers=[{"resources": {"requests": {"nvidia.com/gpu": "1"}}}]),
    "an init container asks": template(containers=[{}], initContainers=[container()]),
    "asks for a shared chip of no known class": template(containers=[container("nvidia.com/gpu.shared")]),
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
        f"nodeSelector {GKE}=nvidia-b200 excludes the nodes of class nvidia-l4, whose {GKE} is nvidia-l4: "
        f"write in the pod template nodeSelector: {{{GKE}: nvidia-l4}}",
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
    "tolerates nothing": (
        template(tolerations=[]),
        "TaintNotTolerated",
        "tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}] (a cluster with the "
        "ExtendedResourceToleration",
    ),
    "tolerates another key": (
        template(tolerations=[{"key": "a", **EXISTS}]),
        "TaintNotTolerated",
        "key: nvidia",
    ),
    "tolerates another effect": (
        template(tolerations=[{"effect": "NoExecute", **EXISTS}]),
        "TaintNotTolerated",
        "nvidia.com/gpu:NoSchedule",
    ),
}


@pytest.mark.parametrize("case", FITS)
def test_fits(case: str) -> None:
    found = verdict(placement("nvidia-l4", *of_one_pod(FITS[case]), classes=L4_ONLY))
    assert (found.holds, found.reason) == (True, "TemplateFitsClass")


@pytest.mark.parametrize("case", ADVISED)
def test_advised(case: str) -> None:
    pod_template, reason, part = ADVISED[case]
    (remark,) = remarks("nvidia-l4", pod_template, classes=L4_ONLY)
    assert (remark.reason, remark.holds) == (reason, False)
    assert part in remark.message


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = template(containers=[{}], nodeSelector={GKE: "nvidia-b200"}, tolerations=[])
    found = [remark.reason for remark in remarks("nvidia-l4", wrong)]
    assert found == ["ResourceNotRequested", "NodesExcluded", "TaintNotTolerated"]


@pytest.mark.parametrize(
    ("name", "selector", "theirs"),
    [
        ("nvidia-l4", {GKE: "nvidia-b200"}, "nvidia-b200"),
        ("nvidia-h100", {"nvidia.com/gpu.product": "NVIDIA-H100-PCIe"}, "nvidia-h100-pcie"),
        ("nvidia-a100-40gb", {"node.kubernetes.io/instance-type": "p4de.24xlarge"}, "nvidia-a100-80gb"),
        (
            "nvidia-h100",
            {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb"},
            "nvidia-h100-mig-1g.10gb",
        ),
    ],
)
def test_nodes_of_another_class_are_said_with_the_class(name: str, selector: Json, theirs: str) -> None:
    (remark,) = remarks(name, template(nodeSelector=selector))
    assert remark.reason == "NodesExcluded"
    assert f"those are of class {theirs}" in remark.message
    assert f"or in the pool accelerator: {{class: {theirs}}}" in remark.message


@pytest.mark.parametrize("machine", ["p4d.24xlarge", "a2-highgpu-1g", "a-machine-that-nobody-lists"])
def test_a_machine_type_that_is_not_listed_may_have_the_class_too(machine: str) -> None:
    selector = {"node.kubernetes.io/instance-type": machine}
    assert remarks("nvidia-a100-40gb", template(nodeSelector=selector)) == ()


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
    found = remarks(name, {"spec": {"nodeSelector": selector}})
    assert [remark.reason for remark in found] == reasons


def test_gke_adds_the_toleration_of_a_resource_that_is_asked_for() -> None:
    found = verdict(
        placement("nvidia-l4", *of_one_pod(template(nodeSelector={GKE: "nvidia-l4"}, tolerations=[])))
    )
    assert found.holds
    assert (
        "GKE itself adds the toleration of nvidia.com/gpu to pods that ask for nvidia.com/gpu"
        in found.message
    )


@pytest.mark.parametrize(
    ("name", "pod_template", "amount", "largest"),
    [
        ("nvidia-t4", template(containers=[container(amount=8)]), 8, "g4dn.xlarge"),
        ("nvidia-h100", template(containers=[container(amount=16)]), 16, "p5.48xlarge"),
    ],
)
def test_more_chips_than_a_listed_host_has_are_not_known_to_fit(
    name: str, pod_template: Json, amount: int, largest: str
) -> None:
    found = verdict(placement(name, *of_one_pod(pod_template)))
    assert (found.holds, found.reason) == (None, "HostTooSmall")
    assert f"a pod asks for {amount} chips" in found.message
    assert largest in found.message
    assert f"machineTypes: [{{name: MACHINE-TYPE, chips: {amount}}}]" in found.message


def test_parts_of_chips_have_hosts_of_any_size() -> None:
    asked = template(containers=[container("nvidia.com/mig-1g.10gb", 56)])
    assert remarks("nvidia-h100-mig-1g.10gb", asked) == ()


@pytest.mark.parametrize(
    ("name", "replica", "said"),
    [
        ("nvidia-l4", of_one_pod(template()), "a replica holds 1 of nvidia.com/gpu"),
        (
            "google-tpu-v5e",
            group(tpu_host("4x4", 4), 4),
            "a replica holds 16 of google.com/tpu on 4 pods",
        ),
        ("aws-graviton", of_one_pod(template(containers=[ON_CPU])), "a replica holds 1 vCPU"),
        (
            "aws-graviton",
            of_one_pod({"spec": {}}),
            "how many vCPUs a replica holds is not known: no container requests cpu",
        ),
    ],
)
def test_what_fits_says_how_much_a_replica_holds(name: str, replica: Any, said: str) -> None:
    found = verdict(placement(name, *replica))
    assert found == Verdict(
        True, "TemplateFitsClass", f"the pod template fits the nodes of the class; {said}"
    )


def test_in_a_group_it_is_said_whose_template_is_meant() -> None:
    leader = template(tolerations=[])
    (remark,) = [each for each in verdict_of_group(leader, template()) if each.reason == "TaintNotTolerated"]
    assert remark.message.startswith("leader: nodes of class nvidia-h100 may carry")
    (remark,) = verdict_of_group(leader, leader)
    assert remark.message.startswith("leader and worker: nodes of class")


def test_a_leader_without_an_accelerator_may_run_anywhere() -> None:
    assert verdict_of_group({"spec": {"containers": [{}]}}, template()) == ()


def verdict_of_group(leader: Json, worker: Json) -> tuple[Remark, ...]:
    return placement_remarks(placement("nvidia-h100", *group(worker, 2, leader)))


def test_the_message_stays_short_and_cuts_no_line_to_write() -> None:
    elsewhere = dict.fromkeys(
        (GKE, "nvidia.com/gpu.product", "karpenter.k8s.aws/instance-gpu-name"), "x" * 63
    )
    wrong = placement(
        "nvidia-l4", *of_one_pod(template(containers=[{}], nodeSelector=elsewhere, tolerations=[]))
    )
    messages = [remark.message for remark in placement_remarks(wrong)]
    found = verdict(wrong).message
    assert len(found) <= MOST_CHARACTERS < len("; ".join(messages))
    kept, _, more = found.rpartition("; and ")
    assert more == "2 more"
    assert kept == "; ".join(messages[:3])


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
    found = remarks("nvidia-l4", garbage)
    assert [remark.reason for remark in found] == ["ResourceNotRequested", "TaintNotTolerated"]


KEYS = ["containers", "resources", "limits", "nvidia.com/gpu", "nodeSelector", GKE, "affinity", "tolerations"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(ANYTHING, st.sampled_from(sorted(CLASSES)))
def test_whatever_a_template_holds_there_is_a_verdict(spec: Any, name: str) -> None:
    found = verdict(placement(name, *of_one_pod({"spec": spec})))
    assert found.message
    assert len(found.message) <= MOST_CHARACTERS
