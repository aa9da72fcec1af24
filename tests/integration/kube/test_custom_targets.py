"""Kinds of other people with a /scale of their own are targets like any other."""

import asyncio
from functools import partial

import pytest

from hack.testing.control_plane import ControlPlane
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.managed_fields import other_writer
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.objects.targets import read_target
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import ApiError, NoScaleSubresource, ScaleConflict, TargetMissing
from poolkeeper.kube.transport.paths import api_path, namespaced_path

API_VERSION = "example.com/v1"
SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}


def definition(kind: str, subresources: JsonObject) -> JsonObject:
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": subresources,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "names": {"kind": kind, "plural": plural, "listKind": f"{kind}List", "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


async def install(api_server: ControlPlane) -> None:
    path = api_path("apiextensions.k8s.io/v1", "customresourcedefinitions")
    async with await api_server.admin_client() as client:
        for kind, subresources in {"Gang": {"scale": SCALE, "status": {}}, "Crowd": {}}.items():
            await client.request("POST", path, body=definition(kind, subresources))
            for _ in range(100):
                try:
                    await client.request("GET", api_path(API_VERSION, f"{kind.lower()}s"))
                    break
                except ApiError:
                    await asyncio.sleep(0.1)


@pytest.fixture(scope="module", autouse=True)
def kinds(api_server: ControlPlane) -> None:
    asyncio.run(install(api_server))


@pytest.fixture
def scales(kube_client: KubeClient) -> ScaleClient:
    return ScaleClient(kube_client, Discovery(kube_client))


async def create_gang(client: KubeClient, namespace: str, **spec: int) -> TargetKey:
    body = {"apiVersion": API_VERSION, "kind": "Gang", "metadata": {"name": "llm"}, "spec": spec}
    await client.request("POST", namespaced_path(API_VERSION, namespace, "gangs"), body=body)
    return TargetKey(namespace, API_VERSION, "Gang", "llm")


async def test_reads_and_writes(scales: ScaleClient, kube_client: KubeClient, namespace: str) -> None:
    target = await create_gang(kube_client, namespace, replicas=1)
    seen = await scales.read(target)
    assert (seen.replicas, seen.selector) == (1, "")
    assert (await scales.write(target, seen, 0)).replicas == 0
    with pytest.raises(ScaleConflict):
        await scales.write(target, seen, 5)


async def test_our_writes_and_those_of_others_are_told_apart(
    scales: ScaleClient, kube_client: KubeClient, namespace: str
) -> None:
    target = await create_gang(kube_client, namespace, replicas=1)
    read = partial(read_target, kube_client, Discovery(kube_client))
    await scales.write(target, await scales.read(target), 2)
    assert [str(each) for each in (await read(target)).writers] == ["poolkeeper (scale)"]
    path = namespaced_path(API_VERSION, namespace, "gangs", "llm")
    await kube_client.request(
        "PATCH",
        path,
        query=(("fieldManager", "helm"),),
        body={"spec": {"replicas": 3}},
        content_type="application/merge-patch+json",
    )
    assert str(other_writer((await read(target)).writers)) == "helm (Update)"


async def test_one_that_was_made_anew_is_a_conflict(
    scales: ScaleClient, kube_client: KubeClient, namespace: str
) -> None:
    target = await create_gang(kube_client, namespace, replicas=1)
    seen = await scales.read(target)
    await kube_client.request("DELETE", namespaced_path(API_VERSION, namespace, "gangs", "llm"))
    await create_gang(kube_client, namespace, replicas=1)
    with pytest.raises(ScaleConflict):
        await scales.write(target, seen, 5)


async def test_one_that_does_not_say_its_replicas(
    scales: ScaleClient, kube_client: KubeClient, namespace: str
) -> None:
    target = await create_gang(kube_client, namespace)
    with pytest.raises(ApiError, match="replicas"):
        await scales.read(target)


async def test_a_missing_one(scales: ScaleClient, namespace: str) -> None:
    with pytest.raises(TargetMissing):
        await scales.read(TargetKey(namespace, API_VERSION, "Gang", "absent"))


async def test_a_kind_without_scale(scales: ScaleClient, namespace: str) -> None:
    with pytest.raises(NoScaleSubresource):
        await scales.read(TargetKey(namespace, API_VERSION, "Crowd", "any"))
