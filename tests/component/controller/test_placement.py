"""When pod templates are compared with their class again, and what a missing claim does to a pool."""

from poolkeeper.kube.objects.devices.claims import ClaimName, ClaimSource, PodClaim, PodClaims, Problem
from tests.component.controller.fake_cluster import FakeCluster

CPU = {"vendor": "None", "displayName": "CPU", "nodeTailSeconds": 0}
MISSING = PodClaims(
    (
        PodClaim(
            ClaimName("gpu", ClaimSource.TEMPLATE, "one-gpu"),
            problem=Problem("ClaimMissing", "ResourceClaimTemplate one-gpu does not exist", is_wrong=True),
        ),
    )
)


async def test_a_claim_that_is_missing_is_said_and_looked_for_again_and_stops_nothing(
    cluster: FakeCluster,
) -> None:
    cluster.scales.replicas["worker"] = 0
    cluster.claims = MISSING
    cluster.declare()
    cluster.publish(1)
    await cluster.look()
    assert cluster.condition("PlacementMatches") == ("False", "ClaimMissing")
    assert cluster.scales.writes == [("worker", 1)]
    cluster.claims = PodClaims()
    cluster.now += 75.0
    cluster.publish(1)
    await cluster.look()
    assert cluster.condition("PlacementMatches") == ("True", "TemplateFitsClass")


async def test_an_edited_class_is_compared_at_the_next_look(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    cluster.publish(0)
    await cluster.look()
    assert len(cluster.looked_around) == 1
    for body, reads in ((CPU, 1), (CPU | {"resourceName": "nvidia.com/gpu"}, 2)):
        cluster.updates.class_seen("cpu", {"spec": body})
        cluster.publish(0)
        await cluster.look()
        assert len(cluster.looked_around) == reads
    assert cluster.condition("PlacementMatches") == ("False", "ResourceNotRequested")
