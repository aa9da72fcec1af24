"""Whether a pod template can run on the nodes that its class describes.

Compared with the class, never with the nodes that exist now, because a node group may be at zero.
What neither of them states (a resource claim, a label that the class does not mention) is no fault.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from poolkeeper.advice.advice import Advice
from poolkeeper.advice.placement.amounts import asked_by, mapping, mappings, whole
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, NodeTaint, TaintEffect

Json = Mapping[str, Any]

ARCHITECTURE_LABEL = "kubernetes.io/arch"


def placement_advice(name: str, accelerator: AcceleratorClassSpec, template: Json) -> tuple[Advice, ...]:
    """What keeps pods of a template off the nodes of the class called `name`; empty if nothing does.

    `template` is a PodTemplateSpec as JSON.
    """
    pod = mapping(template.get("spec"))
    found = (*_resource_advice(name, accelerator, pod), *_node_advice(name, accelerator, pod))
    return (*found, *_taint_advice(name, accelerator, pod))


def _resource_advice(name: str, accelerator: AcceleratorClassSpec, pod: Json) -> Iterator[Advice]:
    wanted = accelerator.resource_name
    if wanted is None or pod.get("resourceClaims"):
        return
    if any(
        _matches(resource, pattern)
        for resource in whole(asked_by(pod))
        for pattern in _resources(accelerator)
    ):
        return
    yield Advice(
        "ResourceNotRequested",
        f"the pod template does not ask for {wanted}, the resource of class {name}: add it to a container's "
        f"limits, or name another class in spec.accelerator.class",
    )


def _node_advice(name: str, accelerator: AcceleratorClassSpec, pod: Json) -> Iterator[Advice]:
    labels = _labels(accelerator)
    for key, value in mapping(pod.get("nodeSelector")).items():
        if key in labels and str(value).lower() not in labels[key]:
            yield _nodes_excluded(name, f"nodeSelector {key}={value}", key, labels[key])
    affinity = mapping(mapping(pod.get("affinity")).get("nodeAffinity"))
    required = mapping(affinity.get("requiredDuringSchedulingIgnoredDuringExecution"))
    clashes = [_first_clash(term, labels) for term in mappings(required.get("nodeSelectorTerms"))]
    if clashes and all(clashes):
        key = clashes[0]
        yield _nodes_excluded(name, f"the required node affinity on {key}", key, labels[key])


def _taint_advice(name: str, accelerator: AcceleratorClassSpec, pod: Json) -> Iterator[Advice]:
    tolerations = mappings(pod.get("tolerations"))
    asked = whole(asked_by(pod))
    for taint in accelerator.taints:
        if taint.effect is TaintEffect.PREFER_NO_SCHEDULE or any(_tolerates(t, taint) for t in tolerations):
            continue
        by_admission = (
            " (a cluster with the ExtendedResourceToleration admission plugin adds it by itself)"
            if taint.key in asked
            else ""
        )
        yield Advice(
            "TaintNotTolerated",
            f"nodes of class {name} may carry the taint {taint.key}:{taint.effect}, which the pod template "
            f"does not tolerate: add a toleration with key {taint.key} and operator Exists{by_admission}",
        )


def _nodes_excluded(name: str, by: str, key: str, values: Sequence[str]) -> Advice:
    return Advice(
        "NodesExcluded",
        f"{by} excludes the nodes of class {name}, whose {key} is {' or '.join(values)}: change the pod "
        f"template, or name another class in spec.accelerator.class",
    )


def _first_clash(term: Json, labels: Mapping[str, Sequence[str]]) -> str:
    """The label by which a node selector term excludes every node of the class, or nothing."""
    for expression in mappings(term.get("matchExpressions")):
        key = str(expression.get("key"))
        listed = expression.get("values")
        values = {str(value).lower() for value in (listed if isinstance(listed, list) else ())}
        of_class = set(labels.get(key, ()))
        match expression.get("operator"):
            case "In" if of_class and not of_class & values:
                return key
            case "NotIn" if of_class and of_class <= values:
                return key
            case "DoesNotExist" if of_class:
                return key
    return ""


def _tolerates(toleration: Json, taint: NodeTaint) -> bool:
    """Whether a toleration matches a taint; a taint without a declared value matches any value."""
    if toleration.get("effect") not in (None, "", taint.effect):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.key)
    return toleration.get("key") == taint.key and taint.value in (None, toleration.get("value"))


def _labels(accelerator: AcceleratorClassSpec) -> dict[str, tuple[str, ...]]:
    """The values of each label that nodes of the class may carry, in lower case."""
    labels = {label.key: tuple(value.lower() for value in label.values) for label in accelerator.node_labels}
    if accelerator.architecture:
        labels.setdefault(ARCHITECTURE_LABEL, (accelerator.architecture.value,))
    return labels


def _resources(accelerator: AcceleratorClassSpec) -> tuple[str, ...]:
    return (accelerator.resource_name or "", *accelerator.other_resource_names)


def _matches(resource: str, pattern: str) -> bool:
    return resource.startswith(pattern[:-1]) if pattern.endswith("*") else resource == pattern
