"""Which pod templates are told that they do not fit a class."""

from typing import Any

import pytest

from poolkeeper.api.accelerator_class import (
    AcceleratorClassSpec,
    Architecture,
    NodeLabel,
    NodeTaint,
    TaintEffect,
)
from poolkeeper.kube.advice import advise, advise_on_draining, chips_requested

GPU = "nvidia.com/gpu"
TAINT = NodeTaint(key=GPU, value="present")
L4 = AcceleratorClassSpec(
    vendor="NVIDIA",
    display_name="NVIDIA L4",
    resource_name=GPU,
    architecture=Architecture.AMD64,
    node_labels=(NodeLabel(key="gpu.example.com/model", values=("l4", "nvidia-l4")),),
    taints=(TAINT, NodeTaint(key="spot", effect=TaintEffect.PREFER_NO_SCHEDULE)),
)
CPU = AcceleratorClassSpec(vendor="any", display_name="CPU")
TOLERATION = {"key": GPU, "operator": "Exists"}


def template(**pod: Any) -> dict[str, Any]:
    container = {"name": "main", "resources": {"limits": {GPU: "1"}}}
    return {"spec": {"containers": [container], "tolerations": [TOLERATION], **pod}}


def affinity(*terms: list[dict[str, Any]]) -> dict[str, Any]:
    selector = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": selector}}


def term(operator: str, *values: str, key: str = "gpu.example.com/model") -> dict[str, Any]:
    return {"key": key, "operator": operator, "values": list(values)}


FITTING: dict[str, dict[str, Any]] = {
    "nothing but the resource": template(),
    "the class's own label, in other letters": template(nodeSelector={"gpu.example.com/model": "NVIDIA-L4"}),
    "a label the class does not know": template(nodeSelector={"zone": "a"}),
    "its architecture": template(nodeSelector={"kubernetes.io/arch": "amd64"}),
    "affinity for it": template(affinity=affinity([term("In", "l4", "h100")])),
    "one term of two": template(affinity=affinity([term("In", "h100")], [term("In", "l4")])),
    "affinity against another": template(affinity=affinity([term("NotIn", "h100")])),
    "affinity against one of its two names": template(affinity=affinity([term("NotIn", "l4")])),
    "the label exists": template(affinity=affinity([term("Exists")])),
    "only a preference": template(affinity={"nodeAffinity": {}}),
    "tolerates all": template(tolerations=[{"operator": "Exists"}]),
    "tolerates the value": template(tolerations=[{"key": GPU, "value": "present"}]),
}


@pytest.mark.parametrize("fitting", FITTING.values(), ids=FITTING)
def test_no_advice(fitting: dict[str, Any]) -> None:
    assert advise(fitting, L4) == ()


NOT_FITTING: dict[str, tuple[dict[str, Any], str]] = {
    "no resources": (template(containers=[{"name": "main"}]), "ResourceNotRequested"),
    "another resource": (
        template(containers=[{"name": "main", "resources": {"limits": {"amd.com/gpu": 1}}}]),
        "ResourceNotRequested",
    ),
    "none of it": (
        template(containers=[{"name": "main", "resources": {"limits": {GPU: 0}}}]),
        "ResourceNotRequested",
    ),
    "another model": (template(nodeSelector={"gpu.example.com/model": "h100"}), "SelectorExcludesClass"),
    "another architecture": (template(nodeSelector={"kubernetes.io/arch": "arm64"}), "SelectorExcludesClass"),
    "affinity for another": (template(affinity=affinity([term("In", "h100")])), "AffinityExcludesClass"),
    "affinity against it": (
        template(affinity=affinity([term("NotIn", "l4", "NVIDIA-L4")])),
        "AffinityExcludesClass",
    ),
    "every term": (
        template(affinity=affinity([term("In", "h100")], [term("In", "arm64", key="kubernetes.io/arch")])),
        "AffinityExcludesClass",
    ),
    "no toleration": (template(tolerations=[]), "TaintNotTolerated"),
    "of another effect": (template(tolerations=[{**TOLERATION, "effect": "NoExecute"}]), "TaintNotTolerated"),
    "of another value": (template(tolerations=[{"key": GPU, "value": "no"}]), "TaintNotTolerated"),
    "of another key": (
        template(tolerations=[{"key": "tpu", "operator": "Exists"}]),
        "TaintNotTolerated",
    ),
}


@pytest.mark.parametrize(("other", "reason"), NOT_FITTING.values(), ids=NOT_FITTING)
def test_advice(other: dict[str, Any], reason: str) -> None:
    (advice,) = advise(other, L4)
    assert advice.reason == reason
    assert "NVIDIA L4" in advice.message


def test_a_class_without_resource_and_taints_fits_anything() -> None:
    assert advise({"spec": {"containers": [{"name": "main"}]}}, CPU) == ()


def test_everything_wrong_is_said_at_once() -> None:
    bad = template(containers=[], tolerations=[], nodeSelector={"kubernetes.io/arch": "arm64"})
    assert [advice.reason for advice in advise(bad, L4)] == [
        "ResourceNotRequested",
        "SelectorExcludesClass",
        "TaintNotTolerated",
    ]


def test_counts_the_chips_of_all_containers() -> None:
    containers = [
        {"resources": {"limits": {GPU: 4}, "requests": {GPU: 4}}},
        {"resources": {"requests": {GPU: "2"}}},
        {},
    ]
    assert chips_requested({"spec": {"containers": containers}}, GPU) == 6


@pytest.mark.parametrize(
    ("grace_seconds", "max_service_seconds", "is_short"),
    [(None, None, False), (None, 30, False), (None, 31, True), (600, 600, False), (600, 601, True)],
)
def test_draining_needs_time(
    grace_seconds: int | None, max_service_seconds: int | None, is_short: bool
) -> None:
    given = {} if grace_seconds is None else {"terminationGracePeriodSeconds": grace_seconds}
    advice = advise_on_draining(template(**given), max_service_seconds)
    assert (advice is not None) == is_short
