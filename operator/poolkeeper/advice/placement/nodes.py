"""Whether a pod template selects nodes of its class."""

from collections.abc import Iterator, Mapping, Sequence

from poolkeeper.advice.placement.amounts import Json, mapping, mappings
from poolkeeper.advice.placement.remark import Placement, Remark, line, listed
from poolkeeper.advice.placement.size import PodsAsking
from poolkeeper.api.accelerator_class import AcceleratorClassSpec

ARCHITECTURE_LABEL = "kubernetes.io/arch"
MACHINE_LABEL = "node.kubernetes.io/instance-type"


def node_remarks(placement: Placement, part: PodsAsking) -> Iterator[Remark]:
    """The labels by which a pod template excludes every node of the class."""
    pod = part.spec
    labels = labels_of(placement.accelerator)
    for key, value in mapping(pod.get("nodeSelector")).items():
        if key in labels and _excludes(placement, key, str(value)):
            yield _excluded(placement, f"nodeSelector {key}={value}", key, labels[key], str(value))
    clashes = [_first_clash(term, labels) for term in required_terms(pod)]
    if clashes and all(clashes):
        key = clashes[0]
        yield _excluded(placement, f"the required node affinity on {key}", key, labels[key])


def selects_other_nodes(accelerator: AcceleratorClassSpec, pod: Json) -> bool:
    """Whether the node selector of a pod excludes the nodes of the class."""
    labels = labels_of(accelerator)
    return any(
        key in labels and not _has(labels[key], str(value))
        for key, value in mapping(pod.get("nodeSelector")).items()
    )


def required_terms(pod: Json) -> list[Json]:
    """The node selector terms that a pod requires, of which one must match."""
    affinity = mapping(mapping(pod.get("affinity")).get("nodeAffinity"))
    required = mapping(affinity.get("requiredDuringSchedulingIgnoredDuringExecution"))
    return list(mappings(required.get("nodeSelectorTerms")))


def label_keys(pod: Json) -> set[str]:
    """The node labels that a pod selects by."""
    expressions = [each for term in required_terms(pod) for each in mappings(term.get("matchExpressions"))]
    return {*map(str, mapping(pod.get("nodeSelector"))), *(str(each.get("key")) for each in expressions)}


def labels_of(accelerator: AcceleratorClassSpec) -> dict[str, tuple[str, ...]]:
    """The values of each label that nodes of the class may carry."""
    found: dict[str, tuple[str, ...]] = {}
    for label in accelerator.node_labels:
        for each in (label, *label.and_):
            found[each.key] = (*found.get(each.key, ()), *each.values)
    if MACHINE_LABEL in found:
        found[MACHINE_LABEL] += tuple(machine.name for machine in accelerator.machine_types)
    if accelerator.architecture:
        found.setdefault(ARCHITECTURE_LABEL, (accelerator.architecture.value,))
    return found


def _excludes(placement: Placement, key: str, value: str) -> bool:
    """Machine types that the class does not list may have its chips too, unless they are of another class."""
    if _has(labels_of(placement.accelerator)[key], value):
        return False
    return key != MACHINE_LABEL or bool(_classes_with(placement, key, value))


def _classes_with(placement: Placement, key: str, value: str) -> list[str]:
    """Other classes whose nodes carry a label with this value; those of whole chips where there are any."""
    found = [
        name
        for name, spec in placement.classes.items()
        if name != placement.name and _has(labels_of(spec).get(key, ()), value)
    ]
    whole = [name for name in found if placement.classes[name].part_of is None]
    return sorted(whole or found)


def _excluded(
    placement: Placement, by: str, key: str, values: Sequence[str], selected: str | None = None
) -> Remark:
    others = _classes_with(placement, key, selected) if selected is not None else []
    theirs = f" (those are of class {listed(others, 3)})" if others and key != ARCHITECTURE_LABEL else ""
    pool = f", or in the pool {line('accelerator', {'class': others[0]})}" if theirs else ""
    of_class = " or ".join(values[:4])
    return Remark(
        "NodesExcluded",
        f"{by} excludes the nodes of class {placement.name}, whose {key} is {of_class}{theirs}: "
        f"write in the pod template {line('nodeSelector', {key: values[0]})}{pool}",
    )


def _first_clash(term: Json, labels: Mapping[str, Sequence[str]]) -> str:
    """The label by which a node selector term excludes every node of the class, or nothing."""
    for expression in mappings(term.get("matchExpressions")):
        key = str(expression.get("key"))
        values = values_of(expression)
        of_class = {value.lower() for value in labels.get(key, ())}
        match expression.get("operator"):
            case "In" if of_class and key != MACHINE_LABEL and not of_class & values:
                return key
            case "NotIn" if of_class and key != MACHINE_LABEL and of_class <= values:
                return key
            case "DoesNotExist" if of_class and key != MACHINE_LABEL:
                return key
    return ""


def _has(values: Sequence[str], value: str) -> bool:
    return value.lower() in {each.lower() for each in values}


def values_of(expression: Json) -> set[str]:
    """The values of a node selector requirement, in lower case."""
    values = expression.get("values")
    return {str(value).lower() for value in (values if isinstance(values, list) else ())}
