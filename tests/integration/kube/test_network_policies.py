"""Policies and namespaces on a real API server, with rights in single namespaces."""

import pytest

from hack.testing.control_plane import ControlPlane
from hack.testing.objects import grant
from poolkeeper.advice.network import End, PodPort, network_advice
from poolkeeper.kube.objects.network_policies import NAME_LABEL, list_policies, namespace_labels
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import namespaced_path

NETWORKING = "networking.k8s.io"


async def create_policy(client: KubeClient, namespace: str, name: str, **spec: object) -> None:
    """A policy about pods of `app: chat`, as the API server completes it."""
    body = {
        "apiVersion": f"{NETWORKING}/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {"matchLabels": {"app": "chat"}}, **spec},
    }
    await client.request("POST", namespaced_path(f"{NETWORKING}/v1", namespace, "networkpolicies"), body=body)


async def test_a_policy_is_understood_as_the_api_server_completes_it(
    kube_client: KubeClient, namespace: str
) -> None:
    pods = End(namespace, await namespace_labels(kube_client, namespace), {"app": "chat"})
    assert pods.namespace_labels is not None
    assert pods.namespace_labels[NAME_LABEL] == namespace
    activators = End("system", {NAME_LABEL: "system"}, {"component": "activator"})

    async def reasons() -> list[str]:
        policies = await list_policies(kube_client, namespace)
        return [each.reason for each in network_advice(policies, activators, pods, PodPort(8000))]

    assert await reasons() == []
    await create_policy(kube_client, namespace, "only-friends", ingress=[{"from": [{"podSelector": {}}]}])
    assert await reasons() == ["IngressForbidden"]
    peer = {"namespaceSelector": {"matchLabels": {NAME_LABEL: "system"}}}
    rule = {"from": [peer], "ports": [{"port": 7999, "endPort": 8001}]}
    await create_policy(kube_client, namespace, "activators", ingress=[rule])
    assert await reasons() == []


async def test_rights_in_one_namespace_suffice_for_it(
    api_server: ControlPlane, kube_client: KubeClient, namespace: str
) -> None:
    """As with the chart's value watchNamespaces."""
    async with await api_server.client("operator") as client:
        for read in (list_policies, namespace_labels):
            with pytest.raises(ApiError) as failure:
                await read(client, namespace)
            assert failure.value.status == 403
        await grant(
            kube_client, namespace, user="operator", group=NETWORKING, resource="networkpolicies", verb="list"
        )
        await grant(kube_client, namespace, user="operator", group="", resource="namespaces", verb="get")
        assert await list_policies(client, namespace) == ()
        assert NAME_LABEL in await namespace_labels(client, namespace)
