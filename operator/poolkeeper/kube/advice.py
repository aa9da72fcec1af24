"""Whether a pod template fits an accelerator class: compared with the class, never with nodes that exist now
(a node group may be at zero)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from poolkeeper.api.accelerator_class import AcceleratorClassSpec, NodeTaint, TaintEffect

ARCHITECTURE_LABEL = "kubernetes.io/arch"
DEFAULT_GRACE_SECONDS = 30
PodTemplate = Mapping[str, Any]
Expression = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Advice:
    """Something about a template that keeps the pool from working: a CamelCase word and a sentence."""

    reason: str
    message: str


def advise(template: PodTemplate, accelerator: AcceleratorClassSpec) -> tuple[Advice, ...]:
    """What in a pod template keeps its pods off the nodes of a class."""
    pod = template["spec"]
    found = (_resource(pod, accelerator), *_placement(pod, accelerator), *_tolerations(pod, accelerator))
    return tuple(advice for advice in found if advice)


def advise_on_draining(template: PodTemplate, max_service_seconds: int | None) -> Advice | None:
    """Whether a replica that is said to finish its work before it stops is given the time to."""
    grace_seconds = template["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS)
    if max_service_seconds is None or grace_seconds >= max_service_seconds:
        return None
    return Advice(
        "GracePeriodTooShort",
        f"drainsOnTermination is declared but pods have {grace_seconds} s to stop in; "
        f"set terminationGracePeriodSeconds to at least maxServiceSeconds ({max_service_seconds})",
    )


def chips_requested(template: PodTemplate, resource_name: str) -> int:
    """How many of a resource one pod asks for, 0 where it asks for none."""
    return sum(_amount(container, resource_name) for container in template["spec"].get("containers") or ())


def _amount(container: Mapping[str, Any], resource_name: str) -> int:
    resources = container.get("resources") or {}
    for section in ("limits", "requests"):
        amount = str((resources.get(section) or {}).get(resource_name, ""))
        # Extended resources are whole numbers; the API server refuses others.
        if amount.isdecimal():
            return int(amount)
    return 0


def _resource(pod: Mapping[str, Any], accelerator: AcceleratorClassSpec) -> Advice | None:
    name = accelerator.resource_name
    if name is None or chips_requested({"spec": pod}, name):
        return None
    return Advice(
        "ResourceNotRequested",
        f"no container asks for {name}, so pods run without {accelerator.display_name}: set its limits",
    )


def _placement(pod: Mapping[str, Any], accelerator: AcceleratorClassSpec) -> Iterator[Advice]:
    """A label that the class knows may only be asked for with a value that the class has."""
    offered = {label.key: frozenset(map(str.lower, label.values)) for label in accelerator.node_labels}
    if accelerator.architecture:
        offered[ARCHITECTURE_LABEL] = frozenset({accelerator.architecture.value})
    for key, value in (pod.get("nodeSelector") or {}).items():
        if key in offered and value.lower() not in offered[key]:
            yield Advice(
                "SelectorExcludesClass",
                f"nodeSelector {key}={value} excludes {accelerator.display_name}, whose nodes have "
                f"{_listed(offered[key])}",
            )
    if _affinity_excludes(pod, offered):
        yield Advice(
            "AffinityExcludesClass",
            f"every term of the required node affinity excludes {accelerator.display_name}: "
            f"allow one of its labels ({_listed(offered)})",
        )


def _affinity_excludes(pod: Mapping[str, Any], offered: Mapping[str, frozenset[str]]) -> bool:
    required = ((pod.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    terms = required.get("nodeSelectorTerms") or ()
    return bool(terms) and all(_term_excludes(term, offered) for term in terms)


def _term_excludes(term: Mapping[str, Any], offered: Mapping[str, frozenset[str]]) -> bool:
    return any(
        _expression_excludes(expression, offered[expression["key"]])
        for expression in term.get("matchExpressions") or ()
        if expression["key"] in offered
    )


def _expression_excludes(expression: Expression, offered: frozenset[str]) -> bool:
    named = {value.lower() for value in expression.get("values") or ()}
    match expression["operator"]:
        case "In":
            return not offered & named
        case "NotIn":
            return offered <= named
        case _:
            return False


def _tolerations(pod: Mapping[str, Any], accelerator: AcceleratorClassSpec) -> Iterator[Advice]:
    tolerations = pod.get("tolerations") or ()
    for taint in accelerator.taints:
        if taint.effect is TaintEffect.PREFER_NO_SCHEDULE:
            continue
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            yield Advice(
                "TaintNotTolerated",
                f"nodes of {accelerator.display_name} may carry the taint {taint.key}:{taint.effect}: "
                "add a toleration for it",
            )


def _tolerates(toleration: Mapping[str, str], taint: NodeTaint) -> bool:
    if toleration.get("effect", taint.effect) != taint.effect:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key", taint.key) == taint.key
    is_same_value = taint.value is None or toleration.get("value", "") == taint.value
    return toleration.get("key") == taint.key and is_same_value


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))
