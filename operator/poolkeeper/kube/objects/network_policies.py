"""NetworkPolicies and labels of namespaces, reduced to what decides whether a pod reaches another by TCP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.fields import (
    Unreadable,
    entries,
    labels,
    mapping,
    number,
    readable,
    required,
    text,
    texts,
)
from poolkeeper.kube.transport.paths import api_path, namespaced_path
from poolkeeper.kube.transport.selectors import Requirement

NETWORKING = "networking.k8s.io/v1"
NAME_LABEL = "kubernetes.io/metadata.name"
"""The one label that each namespace has: its name."""


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """All requirements together; without any it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return all(part.holds(labels) for part in self.requirements)


@dataclass(frozen=True, slots=True)
class PolicyPeer:
    """One entry of `from` or `to`: pods, or a network."""

    pods: LabelSelector = LabelSelector()
    namespaces: LabelSelector | None = None
    """Where the pods are; None for the policy's own namespace."""
    is_network: bool = False
    """Whether the entry is a network; its addresses are not kept."""


@dataclass(frozen=True, slots=True)
class PolicyPort:
    """TCP ports of the pod that is connected to."""

    port: int | str | None = None
    """Number or name; None for all ports."""
    end: int | None = None
    """The last port of a range that begins with `port`; None for a single port."""


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """Connections that a policy allows."""

    peers: tuple[PolicyPeer, ...] | None = None
    """None for all peers."""
    ports: tuple[PolicyPort, ...] | None = None
    """None for all TCP ports."""


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A NetworkPolicy, as far as TCP is concerned."""

    namespace: str
    name: str
    pods: LabelSelector
    """The pods that the policy applies to."""
    ingress: tuple[PolicyRule, ...] | None
    """Allowed connections to the pods; None where the policy does not restrict them."""
    egress: tuple[PolicyRule, ...] | None
    """Allowed connections from the pods; None where the policy does not restrict them."""


async def list_policies(client: KubeClient, namespace: str) -> tuple[NetworkPolicy, ...]:
    """All policies of a namespace. Raises ApiError, ApiUnreachable."""
    listed = await client.request("GET", namespaced_path(NETWORKING, namespace, "networkpolicies"))
    return tuple(readable(listed.get("items"), project_policy))


async def namespace_labels(client: KubeClient, namespace: str) -> Mapping[str, str]:
    """The labels of a namespace. Raises ApiError, ApiUnreachable."""
    found = await client.request("GET", api_path("v1", "namespaces", namespace))
    return labels(mapping(found.get("metadata")).get("labels"))


def project_policy(raw: Mapping[str, Any]) -> NetworkPolicy:
    """The projection of a NetworkPolicy's JSON. Raises Unreadable."""
    metadata, spec = mapping(raw.get("metadata")), mapping(raw.get("spec"))
    kinds = texts(spec.get("policyTypes")) or ("Ingress", *(("Egress",) if spec.get("egress") else ()))
    return NetworkPolicy(
        namespace=required(text(metadata.get("namespace"))),
        name=required(text(metadata.get("name"))),
        pods=_selector(spec.get("podSelector")),
        ingress=_rules(spec.get("ingress"), "from") if "Ingress" in kinds else None,
        egress=_rules(spec.get("egress"), "to") if "Egress" in kinds else None,
    )


def _rules(rules: object, peers: str) -> tuple[PolicyRule, ...]:
    # An empty list means the same as an absent one: all peers, and all ports.
    return tuple(
        PolicyRule(
            peers=tuple(_peer(each) for each in entries(rule.get(peers))) or None,
            ports=_ports(rule["ports"]) if rule.get("ports") else None,
        )
        for rule in entries(rules)
    )


def _peer(raw: Mapping[str, Any]) -> PolicyPeer:
    if raw.get("ipBlock") is not None:
        return PolicyPeer(is_network=True)
    namespaces = raw.get("namespaceSelector")
    return PolicyPeer(
        pods=_selector(raw.get("podSelector")),
        namespaces=None if namespaces is None else _selector(namespaces),
    )


def _ports(ports: object) -> tuple[PolicyPort, ...]:
    return tuple(_port(each) for each in entries(ports) if text(each.get("protocol")) in ("", "TCP"))


def _port(raw: Mapping[str, Any]) -> PolicyPort:
    port, end = raw.get("port"), raw.get("endPort")
    if isinstance(port, bool) or not isinstance(port, int | str | None):
        raise Unreadable("a port is neither a number nor a name")
    return PolicyPort(port, None if end is None else number(end))


def _selector(value: object) -> LabelSelector:
    raw = mapping(value)
    equal = [Requirement(key, frozenset((each,))) for key, each in labels(raw.get("matchLabels")).items()]
    return LabelSelector((*equal, *(_requirement(each) for each in entries(raw.get("matchExpressions")))))


def _requirement(raw: Mapping[str, Any]) -> Requirement:
    values = texts(raw.get("values"))
    is_negated = required(text(raw.get("operator"))) in ("NotIn", "DoesNotExist")
    return Requirement(required(text(raw.get("key"))), frozenset(values) if values else None, is_negated)
