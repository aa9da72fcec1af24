"""Targets and who else scales them, on a real API server."""

from functools import partial

import pytest

from hack.testing.control_plane import ControlPlane
from hack.testing.objects import create_deployment, patch
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.conflicts import scalers_in
from poolkeeper.kube.objects.targets import read_target
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import TargetForbidden, TargetMissing
from poolkeeper.kube.transport.paths import namespaced_path


async def create_hpa(client: KubeClient, target: TargetKey) -> None:
    reference = {"apiVersion": target.api_version, "kind": target.kind, "name": target.name}
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "theirs"},
        "spec": {"scaleTargetRef": reference, "maxReplicas": 3},
    }
    path = namespaced_path("autoscaling/v2", target.namespace, "horizontalpodautoscalers")
    await client.request("POST", path, body=body)


async def test_reads_the_pod_template(kube_client: KubeClient, namespace: str) -> None:
    target = await create_deployment(kube_client, namespace)
    read = partial(read_target, kube_client, Discovery(kube_client))
    before = await read(target)
    assert before.pod_template is not None
    assert before.pod_template["spec"]["containers"][0]["name"] == "main"
    path = namespaced_path("apps/v1", namespace, "deployments", target.name)
    changes = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 90}}}}
    await patch(kube_client, path, changes)
    after = await read(target)
    assert (after.uid, after.generation) == (before.uid, before.generation + 1)


async def test_a_missing_target(kube_client: KubeClient, namespace: str) -> None:
    read = partial(read_target, kube_client, Discovery(kube_client))
    with pytest.raises(TargetMissing, match="create it"):
        await read(TargetKey(namespace, "apps/v1", "StatefulSet", "absent"))


async def test_a_refusal_names_the_value(api_server: ControlPlane, namespace: str) -> None:
    async with await api_server.client("stranger") as client:
        read = partial(read_target, client, Discovery(client))
        with pytest.raises(TargetForbidden, match="chart's value targets"):
            await read(TargetKey(namespace, "apps/v1", "StatefulSet", "absent"))


async def test_finds_an_hpa_on_the_same_target(kube_client: KubeClient, namespace: str) -> None:
    target = await create_deployment(kube_client, namespace)
    other = await create_deployment(kube_client, namespace, name="other")
    await create_hpa(kube_client, target)
    found = await scalers_in(kube_client, namespace)
    assert [str(scaler) for scaler in found.of(target)] == ["HorizontalPodAutoscaler theirs"]
    assert found.of(other) == ()
    assert not found.unknown


async def test_says_what_it_may_not_look_for(api_server: ControlPlane, namespace: str) -> None:
    async with await api_server.client("stranger") as client:
        found = await scalers_in(client, namespace)
    assert found.scalers == ()
    unknown = found.unknown["HorizontalPodAutoscaler"]
    assert "may not list horizontalpodautoscalers of autoscaling/v2" in unknown
