"""Whether NetworkPolicies keep the activators away from a pool's pods, and what to do about it.

Advice is only given where it is certain. A rule for a network (ipBlock) may or may not let pods pass,
depending on the plugin and on the addresses that pods will have. A namespace whose labels are not known may
or may not be selected. Policies of a plugin's own kinds are not read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from poolkeeper.advice.advice import Advice
from poolkeeper.kube.objects.network_policies import (
    NAME_LABEL,
    LabelSelector,
    NetworkPolicy,
    PolicyPeer,
    PolicyPort,
    PolicyRule,
)

NAMED_AT_MOST = 5


@dataclass(frozen=True, slots=True)
class End:
    """Pods at one end of a connection."""

    namespace: str
    namespace_labels: Mapping[str, str] | None
    """None if not known."""
    labels: Mapping[str, str]


class PodPort(NamedTuple):
    """The port of the pods."""

    number: int
    names: frozenset[str] = frozenset()
    """The names that the containers give it."""


def network_advice(
    policies: Iterable[NetworkPolicy], activators: End, pods: End, port: PodPort
) -> Iterator[Advice]:
    """What keeps the activators from this port of the pods; nothing where that is not certain.

    `policies` are those of both namespaces.
    """
    known = list(policies)
    ingress = _selecting(known, pods, "ingress")
    if _allowed(ingress, activators, port) is False:
        yield Advice(
            "IngressForbidden",
            f"{_named(ingress)} in namespace {pods.namespace} {_keep(ingress)} the activators away from the "
            f"pods: allow ingress to port {port.number} from the activators in namespace "
            f"{activators.namespace}",
        )
    egress = _selecting(known, activators, "egress")
    if _allowed(egress, pods, port) is False:
        yield Advice(
            "EgressForbidden",
            f"{_named(egress)} in namespace {activators.namespace} {_keep(egress)} the activators from "
            f"connecting to the pods: allow egress to port {port.number} in namespace {pods.namespace}",
        )


class _Part(NamedTuple):
    """What one policy allows in one direction."""

    policy: NetworkPolicy
    rules: tuple[PolicyRule, ...]


def _selecting(policies: Iterable[NetworkPolicy], end: End, direction: str) -> list[_Part]:
    parts = []
    for policy in policies:
        rules = policy.ingress if direction == "ingress" else policy.egress
        if rules is not None and policy.namespace == end.namespace and policy.pods.matches(end.labels):
            parts.append(_Part(policy, rules))
    return parts


def _allowed(parts: Sequence[_Part], other: End, port: PodPort) -> bool | None:
    """Whether a connection is allowed: always if no policy selects the pods, else by any rule of any policy.

    None if that is not certain.
    """
    if not parts:
        return True
    return _any(_is_met(rule, part.policy.namespace, other, port) for part in parts for rule in part.rules)


def _is_met(rule: PolicyRule, namespace: str, other: End, port: PodPort) -> bool | None:
    if rule.ports is not None and not any(_covers(each, port) for each in rule.ports):
        return False
    if rule.peers is None:
        return True
    return _any(_means(peer, namespace, other) for peer in rule.peers)


def _means(peer: PolicyPeer, namespace: str, other: End) -> bool | None:
    if peer.is_network:
        return None
    if not peer.pods.matches(other.labels):
        return False
    if peer.namespaces is None:
        return namespace == other.namespace
    return _selects_namespace(peer.namespaces, other)


def _selects_namespace(selector: LabelSelector, end: End) -> bool | None:
    if end.namespace_labels is not None:
        return selector.matches(end.namespace_labels)
    by_name = [part for part in selector.requirements if part.key == NAME_LABEL]
    if not all(part.holds({NAME_LABEL: end.namespace}) for part in by_name):
        return False
    return True if len(by_name) == len(selector.requirements) else None


def _covers(allowed: PolicyPort, port: PodPort) -> bool:
    if allowed.port is None:
        return True
    if isinstance(allowed.port, str):
        return allowed.port in port.names
    return allowed.port <= port.number <= (allowed.end or allowed.port)


def _any(answers: Iterable[bool | None]) -> bool | None:
    is_certain = True
    for answer in answers:
        if answer:
            return True
        is_certain = is_certain and answer is not None
    return False if is_certain else None


def _named(parts: Sequence[_Part]) -> str:
    names = [part.policy.name for part in parts]
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    kind = "NetworkPolicy" if len(names) == 1 else "NetworkPolicies"
    return f"{kind} {', '.join(sorted(names)[:NAMED_AT_MOST])}{more}"


def _keep(parts: Sequence[_Part]) -> str:
    return "keeps" if len(parts) == 1 else "keep"
