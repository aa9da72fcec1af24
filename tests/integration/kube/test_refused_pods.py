"""Why a target gets no pods, as the real controllers and the real admission say it."""

import time

import pytest

from hack.testing.objects import CONTAINER, create_deployment
from hack.testing.waiting import eventually
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.refused_pods import Refusal, read_refusal
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.paths import api_path, namespaced_path

pytestmark = pytest.mark.usefixtures("controllers")


async def refusal_of(client: KubeClient, target: TargetKey) -> Refusal:
    """What is said once anything is."""
    discovery, found = Discovery(client), list[Refusal]()

    async def is_refused() -> bool:
        refusal = await read_refusal(client, discovery, target, time.time())
        found.extend([refusal] if refusal else [])
        return bool(found)

    await eventually(is_refused, "the refusal is said", 30.0)
    return found[-1]


async def create_stateful_set(client: KubeClient, namespace: str) -> TargetKey:
    labels = {"app": "worker"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [CONTAINER]}}
    spec = {"replicas": 1, "serviceName": "", "selector": {"matchLabels": labels}, "template": template}
    manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "worker"}, "spec": spec}
    await client.request("POST", namespaced_path("apps/v1", namespace, "statefulsets"), body=manifest)
    return TargetKey(namespace, "apps/v1", "StatefulSet", "worker")


async def allow_no_pods(client: KubeClient, namespace: str) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": {"pods": "0"}},
    }
    path = namespaced_path("v1", namespace, "resourcequotas")
    await client.request("POST", path, body=quota)

    async def is_enforced() -> bool:
        return bool((await client.request("GET", f"{path}/q")).get("status", {}).get("hard"))

    await eventually(is_enforced, "the quota is counted", 30.0)


async def test_a_quota_is_named_for_a_deployment(kube_client: KubeClient, namespace: str) -> None:
    await allow_no_pods(kube_client, namespace)
    target = await create_deployment(kube_client, namespace, replicas=1)
    refusal = await refusal_of(kube_client, target)
    assert refusal.reason == "QuotaExceeded"
    assert "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0" in refusal.message
    assert refusal.at is not None


async def test_a_quota_is_named_for_a_stateful_set(kube_client: KubeClient, namespace: str) -> None:
    await allow_no_pods(kube_client, namespace)
    refusal = await refusal_of(kube_client, await create_stateful_set(kube_client, namespace))
    assert refusal.reason == "QuotaExceeded"
    assert "exceeded quota: q" in refusal.message


async def test_a_policy_that_refuses_is_no_quota(kube_client: KubeClient, namespace: str) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    await kube_client.request(
        "PATCH",
        api_path("v1", "namespaces", namespace),
        body={"metadata": {"labels": labels}},
        content_type="application/merge-patch+json",
    )
    refusal = await refusal_of(kube_client, await create_deployment(kube_client, namespace, replicas=1))
    assert refusal.reason == "AdmissionRefused"
    assert 'violates PodSecurity "restricted' in refusal.message
    assert "\n" not in refusal.message


async def test_a_target_whose_pods_are_created_is_not_refused(
    kube_client: KubeClient, namespace: str
) -> None:
    target = await create_deployment(kube_client, namespace, replicas=1)
    path = namespaced_path("apps/v1", namespace, "deployments", target.name)

    async def has_pods() -> bool:
        return bool((await kube_client.request("GET", path))["status"].get("replicas") == 1)

    await eventually(has_pods, "there is a pod", 30.0)
    assert await read_refusal(kube_client, Discovery(kube_client), target, time.time()) is None
