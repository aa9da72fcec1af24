"""Secrets of a real API server: only what was granted, and a refusal that says what to grant."""

import base64

import pytest

from hack.testing.control_plane import ControlPlane
from hack.testing.objects import grant
from poolkeeper.core.values.failures import SecretUnavailable
from poolkeeper.kube.objects.secrets import read_secret
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

PASSWORD = b"p\xc3\xa4ss\x00word"


async def create_secret(client: KubeClient, namespace: str) -> None:
    data = {"password": base64.b64encode(PASSWORD).decode()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "redis"}, "data": data}
    await client.request("POST", namespaced_path("v1", namespace, "secrets"), body=body)


async def test_a_secret_that_may_be_read(
    api_server: ControlPlane, kube_client: KubeClient, namespace: str
) -> None:
    await create_secret(kube_client, namespace)
    await grant(kube_client, namespace, user="operator", group="", resource="secrets", verb="get")
    async with await api_server.client("operator") as client:
        assert await read_secret(client, namespace, "redis") == {"password": PASSWORD}


async def test_a_refusal_names_the_value(
    api_server: ControlPlane, kube_client: KubeClient, namespace: str
) -> None:
    await create_secret(kube_client, namespace)
    async with await api_server.client("operator") as client:
        with pytest.raises(SecretUnavailable, match=f"add {namespace} to .* secretNamespaces") as refusal:
            await read_secret(client, namespace, "redis")
    assert refusal.value.reason == "SecretForbidden"


async def test_a_missing_secret(kube_client: KubeClient, namespace: str) -> None:
    with pytest.raises(SecretUnavailable, match="does not exist") as refusal:
        await read_secret(kube_client, namespace, "absent")
    assert refusal.value.reason == "SecretNotFound"


async def test_a_name_that_is_no_path(kube_client: KubeClient, namespace: str) -> None:
    """What a user writes never reaches another path of the API server."""
    await create_secret(kube_client, namespace)
    with pytest.raises(SecretUnavailable):
        await read_secret(kube_client, namespace, f"../../{namespace}/secrets/redis")
