"""What a quota counts when pools do unusual things: nothing that a tenant does hides replicas from it."""

from typing import Any

import pytest

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.quotas import QuotaObject
from poolkeeper.kube.transport.errors import ApiError
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time

CHIPS = 4


def limit(cluster: FakeCluster, chips: int = CHIPS, generation: int = 1, **more: Any) -> None:
    """A quota on chips of class l4 for all pools."""
    spec = {"namespaces": ["*"], "limits": {"chips": [{"class": "l4", "chips": chips}]}, **more}
    cluster.quotas.seen(QuotaObject("site", "uid-site", generation, spec, {}))


async def pool(cluster: FakeCluster, name: str, *, target: str = "", **changes: Any) -> None:
    """A pool whose replicas hold one chip each, after its first look."""
    cluster.containers = [{"name": "server", "resources": {"limits": {"vendor.com/chip": "1"}}}]
    cluster.store.classes.setdefault("l4", chip("L4"))
    changes.setdefault("accelerator", {"class": "l4"})
    changes.setdefault("replicas", {"min": 0, "max": 10})
    cluster.scales.replicas.setdefault(target or name, 0)
    cluster.declare(name, targetRef={"name": target or name}, **changes)
    await cluster.look(name)


def chip(name: str, **more: Any) -> AcceleratorClassSpec:
    return AcceleratorClassSpec(vendor="V", display_name=name, resource_name="vendor.com/chip", **more)


async def asks(cluster: FakeCluster, name: str, queued: int) -> None:
    cluster.now += 1.0
    cluster.publish(queued, name=name)
    await cluster.look(name)
    cluster.quotas.bank.settle()
    cluster.now += 1.0
    cluster.publish(queued, name=name)
    await cluster.look(name)


def used(cluster: FakeCluster) -> int:
    return cluster.quotas.bank.books["site"].used[0]


async def test_pools_share_a_limit(cluster: FakeCluster) -> None:
    limit(cluster)
    await pool(cluster, "a")
    await pool(cluster, "b")
    await asks(cluster, "a", 3)
    await asks(cluster, "b", 3)
    assert (cluster.scales.replicas["a"], cluster.scales.replicas["b"]) == (3, 1)


async def test_when_an_older_pool_of_the_target_is_edited_nothing_is_forgotten(cluster: FakeCluster) -> None:
    """Example: the older pool counts for the target, and then names a class that does not exist."""
    limit(cluster)
    await pool(cluster, "a-first", target="b")
    await pool(cluster, "b")
    await asks(cluster, "a-first", 4)
    await pool(cluster, "a-first", target="b", accelerator={"class": "unknown"}, generation=2)
    assert used(cluster) == 4
    cluster.scales.replicas["b"] = 3
    await cluster.look("b")
    cluster.now += 11.0
    await asks(cluster, "b", 3)
    assert used(cluster) == 3


@pytest.mark.parametrize("older", ["class unknown", "for training", "other class"])
async def test_an_older_pool_of_the_same_target_hides_nothing(cluster: FakeCluster, older: str) -> None:
    limit(cluster)
    cluster.store.classes["training"] = chip("T", purpose="Training")
    cluster.store.classes["other"] = chip("O")
    name = {"class unknown": "unknown", "for training": "training", "other class": "other"}[older]
    await pool(cluster, "a-first", target="b", accelerator={"class": name})
    await pool(cluster, "b")
    await pool(cluster, "c")
    await asks(cluster, "b", 4)
    await asks(cluster, "c", 4)
    there = cluster.scales.replicas
    assert there["b"] + there["c"] <= CHIPS
    assert used(cluster) == there["b"] + there["c"]


async def test_without_the_right_to_read_pods_the_replicas_that_are_asked_for_count(
    cluster: FakeCluster,
) -> None:
    limit(cluster)
    await pool(cluster, "a")
    await pool(cluster, "b")
    cluster.quotas.begin()
    cluster.pods.problem = ApiError(403, "Forbidden", "no")
    cluster.scales.replicas["a"] = 3
    for _ in range(3):
        cluster.now += 61.0
        for name in ("a", "b"):
            found = cluster.store.get(PoolKey("ns", name))
            assert found is not None
            found.target.expire()
            cluster.readings.mark(found)
            await cluster.look(name)
    assert used(cluster) == 3


async def test_replicas_on_a_fallback_count(cluster: FakeCluster) -> None:
    cluster.scales.replicas["b"] = 3
    fallback = {"name": "more", "targetRef": {"name": "b"}, "accelerator": {"class": "l4"}}
    await pool(cluster, "a", fallbacks=[fallback])
    await pool(cluster, "c")
    limit(cluster)
    await cluster.look("a")
    await asks(cluster, "c", 4)
    assert cluster.scales.replicas["c"] + cluster.scales.replicas["b"] <= CHIPS


async def test_a_target_that_an_older_pool_names_as_its_fallback_counts(cluster: FakeCluster) -> None:
    limit(cluster)
    await pool(cluster, "b")
    await pool(cluster, "c")
    await asks(cluster, "b", 4)
    fallback = {"name": "more", "targetRef": {"name": "b"}, "accelerator": {"class": "l4"}}
    await pool(cluster, "a", fallbacks=[fallback])
    await cluster.look("b")
    await asks(cluster, "c", 4)
    assert cluster.scales.replicas["c"] + cluster.scales.replicas["b"] <= CHIPS
