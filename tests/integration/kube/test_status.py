"""The status of pools on a real API server: replaced whole, and only that of the pool that is meant."""

import pytest

from hack.testing.objects import create_pool
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.status import write_status
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import namespaced_path

pytestmark = pytest.mark.usefixtures("crds")

READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Managed",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 1,
}


async def stored(client: KubeClient, pool: PoolKey) -> JsonObject:
    path = namespaced_path("poolkeeper.dev/v1alpha1", pool.namespace, "acceleratorpools", pool.name)
    return await client.request("GET", path)


async def test_a_status_replaces_the_one_before(kube_client: KubeClient, namespace: str) -> None:
    pool, uid = await create_pool(kube_client, namespace)
    demand = {"queued": 3, "inFlight": 1}
    assert await write_status(kube_client, pool, uid, {"demand": demand, "conditions": [READY]}) is None
    assert await write_status(kube_client, pool, uid, {"demand": {"queued": 0}}) is None
    found = (await stored(kube_client, pool))["status"]
    assert {field: value for field, value in found.items() if value} == {"demand": {"queued": 0}}


async def test_the_declaration_stays_as_it_is(kube_client: KubeClient, namespace: str) -> None:
    pool, uid = await create_pool(kube_client, namespace)
    before = await stored(kube_client, pool)
    await write_status(kube_client, pool, uid, {"conditions": [READY]})
    after = await stored(kube_client, pool)
    assert (after["spec"], after["metadata"]["generation"]) == (before["spec"], 1)


async def test_a_pool_that_is_gone_is_silence(kube_client: KubeClient, namespace: str) -> None:
    assert await write_status(kube_client, PoolKey(namespace, "gone"), "uid", {}) is None


async def test_another_pool_of_that_name_keeps_its_own(kube_client: KubeClient, namespace: str) -> None:
    pool, _ = await create_pool(kube_client, namespace)
    outcome = await write_status(kube_client, pool, "uid-of-its-predecessor", {"conditions": [READY]})
    assert isinstance(outcome, ApiError)
    assert outcome.reason == "Invalid"
    assert "status" not in await stored(kube_client, pool)


async def test_a_status_against_the_schema(kube_client: KubeClient, namespace: str) -> None:
    pool, uid = await create_pool(kube_client, namespace)
    outcome = await write_status(kube_client, pool, uid, {"demand": {"queued": "many"}})
    assert isinstance(outcome, ApiError)
    assert "status.demand.queued" in outcome.message
