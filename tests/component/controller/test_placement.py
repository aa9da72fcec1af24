"""When pod templates are compared with their class again, and what a missing claim does to a pool."""

from poolkeeper.controller.intake.updates import OTHER_CLASSES_SECONDS
from poolkeeper.kube.objects.devices.claims import ClaimName, ClaimSource, PodClaim, PodClaims, Problem
from poolkeeper.kube.objects.devices.requests import DeviceChoice, DeviceRequest
from tests.component.controller.fake_cluster import FakeCluster

CPU = {"vendor": "None", "displayName": "CPU", "nodeTailSeconds": 0}
GPU = {"vendor": "NVIDIA", "displayName": "GPU", "deviceClassNames": ["gpu.nvidia.com"]}
NAMED = ClaimName("gpu", ClaimSource.TEMPLATE, "two-gpus")
TWO_GPUS = PodClaims(
    (PodClaim(NAMED, (DeviceRequest("gpu", (DeviceChoice("gpu.nvidia.com", 2),)),)),),
)
FORBIDDEN = PodClaims((PodClaim(NAMED, problem=Problem("ClaimsForbidden", "poolkeeper may not")),))
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
    due_at = await cluster.look()
    assert due_at is not None
    assert due_at <= cluster.now + 72.0, "it is looked for although nothing happens"
    assert cluster.condition("PlacementMatches") == ("False", "ClaimMissing")
    assert cluster.scales.writes == [("worker", 1)]
    cluster.claims = PodClaims()
    cluster.now += 75.0
    cluster.publish(1)
    await cluster.look()
    assert cluster.condition("PlacementMatches") == ("True", "TemplateFitsClass")


async def test_chips_that_are_known_stay_known_while_claims_can_not_be_read(cluster: FakeCluster) -> None:
    """Replicas that run hold their chips all the same, and a quota counts them."""
    cluster.updates.class_seen("gpu", {"spec": GPU})
    cluster.updates.class_seen("other", {"spec": GPU})
    cluster.scales.replicas["worker"] = 1
    cluster.claims = TWO_GPUS
    pool = cluster.store.get(cluster.declare(accelerator={"class": "gpu"}))
    assert pool is not None
    sizes: list[int | None] = []
    for claims, changes in (
        (TWO_GPUS, {"class": "gpu"}),
        (FORBIDDEN, {"class": "gpu"}),
        (FORBIDDEN, {"class": "other"}),
    ):
        cluster.claims = claims
        cluster.declare(generation=len(sizes) + 2, accelerator=changes)
        cluster.publish(1)
        await cluster.look()
        sizes.append(pool.surroundings.size.chips)
    assert sizes == [2, 2, None]


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


async def test_a_new_class_may_be_the_one_that_pods_fit(cluster: FakeCluster) -> None:
    """While the catalogue is installed, one class comes after the other."""
    cluster.scales.replicas["worker"] = 0
    cluster.claims = TWO_GPUS
    cluster.updates.class_seen("cpu", {"spec": CPU})
    cluster.declare()
    cluster.publish(0)
    await cluster.look()
    assert cluster.condition("PlacementMatches")[0] == "True"
    for number in range(20):
        cluster.updates.class_seen(f"gpu-{number}", {"spec": GPU})
        cluster.now += 0.2
        cluster.publish(0)
        await cluster.look()
    assert len(cluster.looked_around) == 1, "one look for all of them"
    cluster.now += OTHER_CLASSES_SECONDS
    cluster.publish(0)
    await cluster.look()
    assert len(cluster.looked_around) == 2
    assert cluster.condition("PlacementMatches") == ("False", "ResourceOfAnotherClass")
