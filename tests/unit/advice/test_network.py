"""When policies keep the activators from a pool's pods, as Kubernetes defines policies."""

from typing import Any

import pytest

from poolkeeper.advice.network import End, PodPort, network_advice
from poolkeeper.kube.objects.network_policies import NAME_LABEL, project_policy

SERVING = {NAME_LABEL: "serving", "team": "ml"}
SYSTEM = {NAME_LABEL: "system", "tier": "control"}
PODS = End("serving", SERVING, {"app": "chat", "gpu": "l4"})
ACTIVATORS = End("system", SYSTEM, {"component": "activator"})
PORT = PodPort(8000, frozenset({"web"}))

BY_POD = {"podSelector": {"matchLabels": {"component": "activator"}}}
BY_NAME = {"namespaceSelector": {"matchLabels": {NAME_LABEL: "system"}}}
BY_LABEL = {"namespaceSelector": {"matchLabels": {"tier": "control"}}}
EVERYWHERE: dict[str, Any] = {"namespaceSelector": {}}
ELSEWHERE = {"namespaceSelector": {"matchLabels": {NAME_LABEL: "gateway"}}}
NETWORK = {"ipBlock": {"cidr": "10.0.0.0/8"}}
DENY: dict[str, Any] = {"policyTypes": ["Ingress"]}
OPEN: dict[str, Any] = {"ingress": [{}]}


def on_pods(*peers: dict[str, Any], **rule: Any) -> dict[str, Any]:
    """A policy's spec with one rule about what comes in."""
    return {"ingress": [{**({"from": list(peers)} if peers else {}), **rule}]}


def for_pods(spec: dict[str, Any], namespace: str = "serving", name: str = "rules") -> dict[str, Any]:
    """A policy of the pods' namespace, about all pods where it does not say which."""
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"podSelector": {}, **spec}}


def ports(*ports: Any, protocol: str = "TCP", **more: Any) -> dict[str, Any]:
    """A rule's ports."""
    return {"ports": [{"port": port, "protocol": protocol, **more} for port in ports]}


def expressing(key: str, operator: str, *values: str) -> dict[str, Any]:
    """A selector by an expression."""
    return {
        "matchExpressions": [{"key": key, "operator": operator, **({"values": [*values]} if values else {})}]
    }


ALLOWED: dict[str, list[dict[str, Any]]] = {
    "no policy": [],
    "for other pods": [for_pods({**DENY, "podSelector": {"matchLabels": {"app": "database"}}})],
    "for other pods, by an expression": [
        for_pods({**DENY, "podSelector": expressing("gpu", "NotIn", "l4", "h100")})
    ],
    "of another namespace": [for_pods(DENY, namespace="batch")],
    "about egress only": [for_pods({"policyTypes": ["Egress"]})],
    "everybody": [for_pods(OPEN)],
    "everybody, by empty lists": [for_pods({"ingress": [{"from": [], "ports": []}]})],
    "all namespaces": [for_pods(on_pods(EVERYWHERE))],
    "the namespace by its name": [for_pods(on_pods(BY_NAME))],
    "the namespace by its label": [for_pods(on_pods(BY_LABEL))],
    "these pods of that namespace": [for_pods(on_pods({**BY_NAME, **BY_POD}))],
    "one peer of several": [for_pods(on_pods(ELSEWHERE, BY_NAME))],
    "one rule of several": [for_pods({"ingress": [*on_pods(ELSEWHERE)["ingress"], *OPEN["ingress"]]})],
    "one policy of several": [for_pods(DENY, name="deny"), for_pods(on_pods(BY_NAME), name="allow")],
    "by an expression": [
        for_pods(on_pods({"namespaceSelector": expressing("tier", "In", "control", "edge")}))
    ],
    "by a label that is there": [for_pods(on_pods({"namespaceSelector": expressing("tier", "Exists")}))],
    "by one that is not": [for_pods(on_pods({"namespaceSelector": expressing("team", "DoesNotExist")}))],
    "the port": [for_pods(on_pods(BY_NAME, **ports(443, 8000)))],
    "the port by its name": [for_pods(on_pods(BY_NAME, **ports("web")))],
    "a range of ports": [for_pods(on_pods(BY_NAME, **ports(7999, endPort=8000)))],
    "all ports of TCP": [for_pods(on_pods(BY_NAME, ports=[{"protocol": "TCP"}]))],
    "a protocol that is left out is TCP": [for_pods(on_pods(BY_NAME, ports=[{"port": 8000}]))],
    "a network: who knows": [for_pods(on_pods(NETWORK))],
    "a network beside somebody else": [for_pods(on_pods(ELSEWHERE, NETWORK))],
}

FORBIDDEN: dict[str, list[dict[str, Any]]] = {
    "nothing at all": [for_pods(DENY)],
    "nothing at all, types left out": [for_pods({})],
    "for these pods": [for_pods({**DENY, "podSelector": {"matchLabels": {"app": "chat"}}})],
    "other namespaces": [for_pods(on_pods(ELSEWHERE))],
    "pods of the own namespace": [for_pods(on_pods(BY_POD))],
    "other pods of that namespace": [
        for_pods(on_pods({**BY_NAME, "podSelector": {"matchLabels": {"component": "gateway"}}}))
    ],
    "by an expression": [for_pods(on_pods({"namespaceSelector": expressing("tier", "NotIn", "control")}))],
    "another port": [for_pods(on_pods(BY_NAME, **ports(9090)))],
    "another port by its name": [for_pods(on_pods(BY_NAME, **ports("metrics")))],
    "a range that ends before": [for_pods(on_pods(BY_NAME, **ports(7000, endPort=7999)))],
    "another protocol": [for_pods(on_pods(BY_NAME, **ports(8000, protocol="UDP")))],
    "a network, on another port": [for_pods(on_pods(NETWORK, **ports(9090)))],
}


def found(policies: list[dict[str, Any]], activators: End = ACTIVATORS, pods: End = PODS) -> list[str]:
    """The reasons."""
    projected = [project_policy(raw) for raw in policies]
    return [each.reason for each in network_advice(projected, activators, pods, PORT)]


@pytest.mark.parametrize("case", ALLOWED)
def test_activators_are_let_in(case: str) -> None:
    assert found(ALLOWED[case]) == []


@pytest.mark.parametrize("case", FORBIDDEN)
def test_activators_are_kept_out(case: str) -> None:
    assert found(FORBIDDEN[case]) == ["IngressForbidden"]


def turned(policy: dict[str, Any]) -> dict[str, Any]:
    """The same about what leaves the activators, of their namespace."""
    spec = policy["spec"]
    rules = [
        {("to" if key == "from" else key): value for key, value in rule.items()}
        for rule in spec.get("ingress", ())
    ]
    flipped = {**spec, "egress": rules, "policyTypes": ["Egress"]}
    flipped.pop("ingress", None)
    return {**policy, "metadata": {**policy["metadata"], "namespace": "system"}, "spec": flipped}


LEAVING = [
    ({}, ["EgressForbidden"]),
    (on_pods({"namespaceSelector": {}}), []),
    (on_pods({"namespaceSelector": {"matchLabels": {"team": "ml"}}}), []),
    (on_pods({"namespaceSelector": {"matchLabels": {NAME_LABEL: "kube-system"}}}), ["EgressForbidden"]),
    (on_pods({"podSelector": {}}), ["EgressForbidden"]),
    (on_pods(EVERYWHERE, **ports(53, protocol="UDP")), ["EgressForbidden"]),
    (on_pods(EVERYWHERE, **ports("web")), []),
    (on_pods(NETWORK), []),
    ({"podSelector": {"matchLabels": {"component": "controller"}}}, []),
]


@pytest.mark.parametrize(("spec", "reasons"), LEAVING, ids=str)
def test_what_leaves_the_activators(spec: dict[str, Any], reasons: list[str]) -> None:
    assert found([turned(for_pods(spec))]) == reasons


def test_both_ends_are_told_with_all_names() -> None:
    names = [f"deny-{number}" for number in range(7)]
    policies = [for_pods(DENY, name=name) for name in names] + [turned(for_pods({}, name="locked"))]
    projected = [project_policy(raw) for raw in policies]
    ingress, egress = network_advice(projected, ACTIVATORS, PODS, PORT)
    assert "NetworkPolicies deny-0, deny-1, deny-2, deny-3, deny-4 and 2 more in namespace serving keep" in (
        ingress.message
    )
    assert "allow ingress to port 8000 from the activators in namespace system" in ingress.message
    assert "NetworkPolicy locked in namespace system keeps" in egress.message
    assert "allow egress to port 8000 in namespace serving" in egress.message


@pytest.mark.parametrize(
    ("peer", "reasons"),
    [
        (BY_NAME, []),
        (BY_LABEL, []),
        (ELSEWHERE, ["IngressForbidden"]),
        ({"namespaceSelector": {"matchLabels": {NAME_LABEL: "gateway", "tier": "x"}}}, ["IngressForbidden"]),
        (EVERYWHERE, []),
    ],
    ids=str,
)
def test_where_labels_of_namespaces_are_not_known_names_still_are(
    peer: dict[str, Any], reasons: list[str]
) -> None:
    activators = End("system", None, ACTIVATORS.labels)
    assert found([for_pods(on_pods(peer))], activators) == reasons


def test_activators_and_pods_of_one_namespace() -> None:
    beside = End("serving", SERVING, ACTIVATORS.labels)
    assert found([for_pods(on_pods(BY_POD))], beside) == []
    assert found([for_pods({**DENY, "policyTypes": ["Ingress", "Egress"]})], beside) == [
        "IngressForbidden",
        "EgressForbidden",
    ]
