"""The AcceleratorClasses that come with the operator."""

from hack.testing.queue_world import QueueWorld
from hack.testing.waiting import eventually
from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.paths import api_path


async def test_classes_of_the_catalogue_are_applied_by_the_leader(world: QueueWorld) -> None:
    world.operator().start("--install-classes")

    async def are_applied() -> bool:
        found = await world.client.request("GET", api_path(API_VERSION, "acceleratorclasses"))
        return {"nvidia-l4", "cpu"} <= {each["metadata"]["name"] for each in found["items"]}

    await eventually(are_applied, "the catalogue is applied", 60)
