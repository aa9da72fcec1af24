"""Autoscalers beside a pool: nothing is written while one is there, or was when that could last be seen."""

import pytest

from poolkeeper.kube.objects.conflicts import NamespaceScalers, Scaler
from poolkeeper.kube.transport.errors import ApiUnreachable, KubeFailure
from tests.component.controller.fake_cluster import HPA, FakeCluster

pytestmark = pytest.mark.virtual_time

SCALED_OBJECT = HPA._replace(kind="ScaledObject")
SILENT = ApiUnreachable("ApiTimeout", "no answer")
FORBIDDEN = NamespaceScalers(unknown={"HorizontalPodAutoscaler": "poolkeeper may not list them"})


async def look_beside(cluster: FakeCluster, scalers: NamespaceScalers | KubeFailure, queued: int = 0) -> None:
    """A look ten minutes later, with these scalers in the namespace."""
    cluster.now += 600.0
    cluster.scalers = scalers
    cluster.publish(queued)
    await cluster.look()


async def a_pool_with_a_rival(cluster: FakeCluster, rival: Scaler = HPA) -> None:
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    await look_beside(cluster, NamespaceScalers((rival,)))
    assert cluster.condition("SoleWriter") == ("False", rival.kind)


async def test_a_rival_counts_while_it_can_not_be_looked_for(cluster: FakeCluster) -> None:
    await a_pool_with_a_rival(cluster)
    for scalers in (SILENT, FORBIDDEN):
        await look_beside(cluster, scalers, queued=3)
        assert cluster.condition("SoleWriter") == ("False", "HorizontalPodAutoscaler")
    assert cluster.scales.writes == []


async def test_a_rival_that_is_gone_counts_no_more(cluster: FakeCluster) -> None:
    await a_pool_with_a_rival(cluster)
    await look_beside(cluster, NamespaceScalers(), queued=3)
    assert cluster.condition("SoleWriter") == ("True", "NoOtherWriter")
    assert cluster.scales.writes == [("worker", 2)]


async def test_that_rivals_can_not_be_looked_for_is_told_and_hinders_nothing(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    await look_beside(cluster, FORBIDDEN, queued=3)
    assert cluster.condition("SoleWriter") == ("Unknown", "ScalersUnknown")
    assert cluster.scales.writes == [("worker", 2)]


async def test_a_rival_that_comes_later_is_found_as_soon_as_it_writes(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    await look_beside(cluster, NamespaceScalers())
    cluster.now += 61.0
    cluster.scalers = NamespaceScalers((HPA,))
    cluster.scales.replicas["worker"] = 2
    cluster.publish(3)
    await cluster.look()
    cluster.publish(4)
    await cluster.look()
    assert cluster.condition("SoleWriter") == ("False", "HorizontalPodAutoscaler")


@pytest.mark.parametrize("rival", [HPA, SCALED_OBJECT])
async def test_that_a_rival_is_gone_is_noticed_within_seconds(cluster: FakeCluster, rival: Scaler) -> None:
    """Although nothing else happens at the pool."""
    await a_pool_with_a_rival(cluster, rival)
    cluster.scalers = NamespaceScalers()
    gone_at = cluster.now
    while cluster.condition("SoleWriter") != ("True", "NoOtherWriter"):
        cluster.now += 1.0
        cluster.publish(0)
        await cluster.look()
        assert cluster.now - gone_at <= 15.0


async def test_looking_for_a_rival_does_not_read_the_pod_template_each_time(cluster: FakeCluster) -> None:
    """With 1,000 contested pools that would be 100 requests per second. An edit still has it read again."""
    await a_pool_with_a_rival(cluster)
    read = len(cluster.looked_around)
    for _ in range(120):
        cluster.now += 1.0
        cluster.publish(0)
        await cluster.look()
    assert len(cluster.looked_around) == read
    cluster.declare(generation=2)
    await cluster.look()
    assert len(cluster.looked_around) == read + 1


async def test_rivals_are_looked_for_although_the_class_is_gone(cluster: FakeCluster) -> None:
    """The pool goes on with the figures of the class. Each look says when the next one is due."""
    await a_pool_with_a_rival(cluster)
    cluster.updates.class_gone("cpu")
    cluster.now += 61.0
    cluster.publish(3)
    due_at = await cluster.look()
    assert due_at is not None
    assert due_at > cluster.now
    await look_beside(cluster, NamespaceScalers(), queued=3)
    assert cluster.condition("SoleWriter") == ("True", "NoOtherWriter")
    assert cluster.scales.writes == [("worker", 2)]
