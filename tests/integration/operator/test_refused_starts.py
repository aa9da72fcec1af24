"""A pool whose pods a quota refuses, with the real controllers: what users read, and that it ends."""

import pytest

from hack.testing.objects import CONTAINER, patch
from hack.testing.queue_world import QueueWorld, has_condition, scaled_to
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.paths import namespaced_path

pytestmark = pytest.mark.usefixtures("nodes")


async def test_a_quota_that_refuses_the_pods_is_named_until_a_start_succeeds(world: QueueWorld) -> None:
    path = namespaced_path("v1", world.namespace, "resourcequotas")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}
    await world.client.request("POST", path, body={**quota, "spec": {"hard": {"pods": "0"}}})

    async def is_counted() -> bool:
        return bool((await world.client.request("GET", f"{path}/small")).get("status", {}).get("hard"))

    await eventually(is_counted, "the quota is counted", 30.0)
    target = await world.target()
    probed = {**CONTAINER, "readinessProbe": {"tcpSocket": {"port": 80}}}
    workload = namespaced_path("apps/v1", world.namespace, "deployments", target.name)
    await patch(world.client, workload, {"spec": {"template": {"spec": {"containers": [probed]}}}})
    await world.create_pool()
    world.operator().start()
    await world.push(1)
    found = await has_condition(world, "StartsSucceed", "False", "QuotaExceeded", seconds=40.0)
    assert "exceeded quota: small, requested: pods=1, used: pods=0, limited: pods=0" in found["message"]
    assert (await world.status())["decision"]["reason"] == "AwaitingAdmission"
    await scaled_to(world, 1)

    await patch(world.client, f"{path}/small", {"spec": {"hard": {"pods": "9"}}})
    await has_condition(world, "StartsSucceed", "True", seconds=60.0)
    learned = (await world.status())["coldStart"]
    assert learned["p95Seconds"] <= 10, "the wait for the quota is no part of the start"
    assert (learned["samples"], learned.get("failed", 0)) == (1, 0)
