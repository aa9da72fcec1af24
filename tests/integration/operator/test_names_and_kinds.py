"""Names as long and as odd as the API server takes them, and targets of other kinds than Deployments."""

from base64 import b64encode

from hack.testing.queue_world import QueueWorld, has_condition
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.paths import namespaced_path

LONGEST = "p" * 253
QUEUE = "aufträge: 進行中"


async def test_the_longest_name_the_oddest_queue_and_a_stateful_set(world: QueueWorld) -> None:
    await create_stateful_set(world, "llm")
    await world.create_pool(
        LONGEST,
        targetRef={"kind": "StatefulSet", "name": "llm"},
        demand=[{**world.source(QUEUE), "name": "jobs"}],
    )
    world.operator().start()
    await has_condition(world, "Ready", "True", name=LONGEST)
    await world.push(2, QUEUE)
    path = namespaced_path("apps/v1", world.namespace, "statefulsets", "llm", "scale")

    async def is_scaled() -> bool:
        return bool((await world.client.request("GET", path))["spec"].get("replicas", 0) == 2)

    await eventually(is_scaled, "the StatefulSet has two replicas", 20)
    await eventually(lambda: has_event(world), "an event about the pool", 20)


async def has_event(world: QueueWorld) -> bool:
    found = await world.client.request("GET", namespaced_path("v1", world.namespace, "events"))
    return LONGEST in {event["involvedObject"]["name"] for event in found["items"]}


async def test_a_secret_without_the_key_and_a_kind_without_scale_are_named(world: QueueWorld) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "login"},
        "data": {"user": b64encode(b"me").decode()},
    }
    await world.client.request("POST", namespaced_path("v1", world.namespace, "secrets"), body=secret)
    source = world.source("jobs")
    source["redisList"]["auth"] = {"passwordSecret": {"name": "login", "key": "password"}}
    await world.target()
    await world.create_pool("keyless", demand=[source])
    await world.create_pool("scaleless", targetRef={"apiVersion": "v1", "kind": "ConfigMap", "name": "x"})
    world.operator().start()
    keyless = await has_condition(world, "DemandKnown", "False", "SecretKeyMissing", name="keyless")
    assert "password" in keyless["message"]
    scaleless = await has_condition(world, "Ready", "False", "NoScaleSubresource", name="scaleless")
    assert "name the workload" in scaleless["message"]


async def create_stateful_set(world: QueueWorld, name: str) -> None:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "none"}]}}
    spec = {"replicas": 0, "serviceName": name, "selector": {"matchLabels": labels}, "template": template}
    manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": spec}
    await world.client.request(
        "POST", namespaced_path("apps/v1", world.namespace, "statefulsets"), body=manifest
    )
