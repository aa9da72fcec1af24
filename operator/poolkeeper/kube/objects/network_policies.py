"""NetworkPolicies and labels of namespaces, reduced to what decides whether a pod reaches another by TCP."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from poolkeeper.kube.transport.client import KubeClient
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
    return tuple(project_policy(raw) for raw in listed.get("items") or ())


async def namespace_labels(client: KubeClient, namespace: str) -> Mapping[str, str]:
    """The labels of a namespace. Raises ApiError, ApiUnreachable."""
    found = await client.request("GET", api_path("v1", "namespaces", namespace))
    return dict(found["metadata"].get("labels") or {})


def project_policy(raw: Mapping[str, Any]) -> NetworkPolicy:
    """The projection of a NetworkPolicy's JSON."""
    spec = raw.get("spec") or {}
    kinds = spec.get("policyTypes") or ("Ingress", *(("Egress",) if spec.get("egress") else ()))
    return NetworkPolicy(
        namespace=raw["metadata"]["namespace"],
        name=raw["metadata"]["name"],
        pods=_selector(spec.get("podSelector") or {}),
        ingress=_rules(spec.get("ingress") or (), "from") if "Ingress" in kinds else None,
        egress=_rules(spec.get("egress") or (), "to") if "Egress" in kinds else None,
    )


def _rules(rules: Iterable[Mapping[str, Any]], peers: str) -> tuple[PolicyRule, ...]:
    # An empty list means the same as an absent one: all peers, and all ports.
    return tuple(
        PolicyRule(
            peers=tuple(_peer(each) for each in rule[peers]) if rule.get(peers) else None,
            ports=_ports(rule["ports"]) if rule.get("ports") else None,
        )
        for rule in rules
    )


def _peer(raw: Mapping[str, Any]) -> PolicyPeer:
    if "ipBlock" in raw:
        return PolicyPeer(is_network=True)
    namespaces = raw.get("namespaceSelector")
    return PolicyPeer(
        pods=_selector(raw.get("podSelector") or {}),
        namespaces=None if namespaces is None else _selector(namespaces),
    )


def _ports(ports: Iterable[Mapping[str, Any]]) -> tuple[PolicyPort, ...]:
    return tuple(
        PolicyPort(each.get("port"), each.get("endPort"))
        for each in ports
        if each.get("protocol", "TCP") == "TCP"
    )


def _selector(raw: Mapping[str, Any]) -> LabelSelector:
    equal = [Requirement(key, frozenset((value,))) for key, value in (raw.get("matchLabels") or {}).items()]
    return LabelSelector((*equal, *(_requirement(each) for each in raw.get("matchExpressions") or ())))


def _requirement(raw: Mapping[str, Any]) -> Requirement:
    values = raw.get("values")
    is_negated = raw["operator"] in ("NotIn", "DoesNotExist")
    return Requirement(raw["key"], frozenset(values) if values else None, is_negated)
