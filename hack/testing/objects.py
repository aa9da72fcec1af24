"""Objects that tests make, as small as the API server accepts them."""

import asyncio
import uuid
from typing import Any

from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.paths import api_path, namespaced_path

RBAC = "rbac.authorization.k8s.io/v1"
CONTAINER = {"name": "main", "image": "none"}
REPLICA_SET: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "ReplicaSet",
    "name": "made-by-the-test",
    "uid": "00000000-0000-0000-0000-000000000001",
    "controller": True,
}
"""The owner of pods that count for a Deployment. It does not exist."""
SMALLEST_POOL: dict[str, Any] = {
    "targetRef": {"name": "chat"},
    "accelerator": {"class": "nvidia-l4"},
    "replicas": {"max": 8},
    "coldStart": {"budgetSeconds": 60},
    "demand": [
        {
            "name": "jobs",
            "redisStream": {"address": "redis.serving.svc:6379", "stream": "jobs", "group": "workers"},
        }
    ],
}
"""The spec of a pool with nothing in it that the API server does not require."""


async def create_deployment(
    client: KubeClient, namespace: str, *, name: str = "worker", replicas: int = 0
) -> TargetKey:
    """A Deployment, whose readiness probe says when a replica serves; nothing makes pods of it."""
    container = {**CONTAINER, "readinessProbe": {"tcpSocket": {"port": 8080}}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    manifest = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    await client.request("POST", namespaced_path("apps/v1", namespace, "deployments"), body=manifest)
    return TargetKey(namespace, "apps/v1", "Deployment", name)


async def delete_deployment(client: KubeClient, target: TargetKey) -> None:
    """Removes it at once."""
    await client.request("DELETE", namespaced_path("apps/v1", target.namespace, "deployments", target.name))


async def create_pod(client: KubeClient, namespace: str, name: str) -> str:
    """A pod that no scheduler looks at; its uid."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "worker"}, "ownerReferences": [REPLICA_SET]},
        "spec": {"containers": [CONTAINER], "schedulerName": "nobody"},
    }
    created = await client.request("POST", namespaced_path("v1", namespace, "pods"), body=manifest)
    return str(created["metadata"]["uid"])


async def make_pod_ready(client: KubeClient, namespace: str, name: str) -> None:
    """Writes the status of a pod as a kubelet does once the pod is ready."""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:30Z"}
    await patch(
        client, namespaced_path("v1", namespace, "pods", name, "status"), {"status": {"conditions": [ready]}}
    )


async def delete_pod(client: KubeClient, namespace: str, name: str) -> None:
    """Removes a pod without a grace period."""
    body = {"gracePeriodSeconds": 0}
    await client.request("DELETE", namespaced_path("v1", namespace, "pods", name), body=body)


async def patch(client: KubeClient, path: str, changes: dict[str, Any]) -> JsonObject:
    """A merge patch."""
    return await client.request("PATCH", path, body=changes, content_type="application/merge-patch+json")


async def grant(client: KubeClient, namespace: str, user: str, group: str, resource: str, verb: str) -> None:
    """Lets a user do one thing in one namespace."""
    name = uuid.uuid4().hex
    rule = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
    role = {"apiVersion": RBAC, "kind": "Role", "metadata": {"name": name}, "rules": [rule]}
    await client.request("POST", namespaced_path(RBAC, namespace, "roles"), body=role)
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}],
    }
    await client.request("POST", namespaced_path(RBAC, namespace, "rolebindings"), body=binding)
    await _wait_until_granted(client, namespace, user, group, resource, verb)


async def create_pool(client: KubeClient, namespace: str, name: str = "pool") -> tuple[PoolKey, str]:
    """A pool as small as the API server accepts it; its key and uid."""
    manifest = {
        "apiVersion": "poolkeeper.dev/v1alpha1",
        "kind": "AcceleratorPool",
        "metadata": {"name": name},
        "spec": SMALLEST_POOL,
    }
    path = namespaced_path("poolkeeper.dev/v1alpha1", namespace, "acceleratorpools")
    created = await client.request("POST", path, body=manifest)
    return PoolKey(namespace, name), str(created["metadata"]["uid"])


async def _wait_until_granted(
    client: KubeClient, namespace: str, user: str, group: str, resource: str, verb: str
) -> None:
    """Returns once the API server applies a new role, which takes it a moment."""
    path = api_path("authorization.k8s.io/v1", "subjectaccessreviews")
    plural, _, subresource = resource.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": plural}
    spec = {"user": user, "resourceAttributes": {**attributes, "subresource": subresource}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    for _ in range(100):
        answer = await client.request("POST", path, body=review)
        if answer["status"]["allowed"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{user} may still not {verb} {resource} after 5 s")
