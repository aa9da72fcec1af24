"""Activators as endpoints of Services, on a real API server."""

from dataclasses import replace

import pytest

from hack.testing.objects import create_pool
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.kube.objects.endpoint_slices import delete_slice, list_slices, put_slice
from poolkeeper.kube.objects.services import ServiceUnsuitable, read_service
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

pytestmark = pytest.mark.usefixtures("crds")


async def create_service(client: KubeClient, namespace: str, **spec: object) -> None:
    """A Service `chat` with port 80, its spec changed where the test says so."""
    body: JsonObject = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "chat"},
        "spec": {"selector": {"app": "chat"}, "ports": [{"port": 80, "targetPort": 8000}], **spec},
    }
    await client.request("POST", namespaced_path("v1", namespace, "services"), body=body)


async def wanted_slice(client: KubeClient, namespace: str) -> ActivatorSlice:
    """A slice of a pool that exists."""
    pool, uid = await create_pool(client, namespace)
    return ActivatorSlice(
        pool=pool, pool_uid=uid, service="chat", family="IPv4", addresses=("10.1.0.4",), ports=(("", 20_001),)
    )


async def test_a_slice_is_read_back_as_it_was_written(kube_client: KubeClient, namespace: str) -> None:
    wanted = await wanted_slice(kube_client, namespace)
    await put_slice(kube_client, wanted)
    assert await list_slices(kube_client, [namespace]) == [wanted]
    assert wanted in await list_slices(kube_client)


async def test_new_addresses_and_ports_replace_the_old_ones(kube_client: KubeClient, namespace: str) -> None:
    first = await wanted_slice(kube_client, namespace)
    await put_slice(kube_client, first)
    second = replace(first, addresses=("10.1.0.5", "10.1.0.6"), ports=(("grpc", 20_002), ("web", 20_003)))
    await put_slice(kube_client, second)
    assert await list_slices(kube_client, [namespace]) == [second]


async def test_a_slice_of_the_other_family_is_another_object(kube_client: KubeClient, namespace: str) -> None:
    four = await wanted_slice(kube_client, namespace)
    six = replace(four, family="IPv6", addresses=("fd00::4",))
    for each in (four, six):
        await put_slice(kube_client, each)
    assert sorted(await list_slices(kube_client, [namespace]), key=lambda each: each.family) == [four, six]


async def test_other_peoples_slices_are_not_ours(kube_client: KubeClient, namespace: str) -> None:
    body = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "chat-x", "labels": {"kubernetes.io/service-name": "chat"}},
        "addressType": "IPv4",
        "endpoints": [],
        "ports": [],
    }
    path = namespaced_path("discovery.k8s.io/v1", namespace, "endpointslices")
    await kube_client.request("POST", path, body=body)
    assert await list_slices(kube_client, [namespace]) == []


async def test_deleting_twice_is_no_error(kube_client: KubeClient, namespace: str) -> None:
    wanted = await wanted_slice(kube_client, namespace)
    await put_slice(kube_client, wanted)
    for _ in range(2):
        await delete_slice(kube_client, wanted)
    assert await list_slices(kube_client, [namespace]) == []


async def test_a_service_with_a_selector_suits(kube_client: KubeClient, namespace: str) -> None:
    await create_service(
        kube_client,
        namespace,
        ports=[
            {"name": "http", "port": 80, "targetPort": "web"},
            {"name": "grpc", "port": 81, "targetPort": 9000},
            {"name": "dns", "port": 53, "protocol": "UDP"},
        ],
        internalTrafficPolicy="Local",
    )
    service = await read_service(kube_client, namespace, "chat")
    assert (service.families, service.is_local) == (("IPv4",), True)
    assert (service.port(80).name, service.port(80).target_port) == ("http", "web")
    assert (service.port(81).name, service.port(81).target_port) == ("grpc", 9000)
    with pytest.raises(ServiceUnsuitable, match=r"no TCP port 53 \(it has 80, 81\)"):
        service.port(53)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"clusterIP": "None"}, "ServiceHeadless"),
        ({"selector": None}, "ServiceWithoutSelector"),
        ({"type": "ExternalName", "externalName": "example.test", "ports": None}, "ServiceExternal"),
    ],
)
async def test_what_can_not_be_held_is_said(
    kube_client: KubeClient, namespace: str, spec: JsonObject, reason: str
) -> None:
    await create_service(kube_client, namespace, **spec)
    with pytest.raises(ServiceUnsuitable) as failure:
        await read_service(kube_client, namespace, "chat")
    assert failure.value.reason == reason


async def test_a_service_that_is_not_there(kube_client: KubeClient, namespace: str) -> None:
    with pytest.raises(ServiceUnsuitable) as failure:
        await read_service(kube_client, namespace, "chat")
    assert failure.value.reason == "ServiceMissing"
