"""Pools of two namespaces under one quota of chips, watts and dollars, with two replicas of the operator."""

import asyncio
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from hack.testing.kinds import create, create_if_missing
from hack.testing.objects import CONTAINER, patch
from hack.testing.operator_process import OperatorProcess
from hack.testing.queue_world import QueueWorld, has_condition, scaled_to
from hack.testing.waiting import eventually
from hack.testing.workload import working
from poolkeeper.api.base import API_VERSION
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import JsonObject
from poolkeeper.kube.transport.paths import api_path, namespaced_path

CLASS = "quota-cpu"
FIGURES = {"vendor": "None", "displayName": "CPU", "nodeTailSeconds": 0, "expectedStartSeconds": 2}
MOST = 3
"""Replicas of 72 W that fit into the quota's watts."""


async def test_two_namespaces_share_watts_over_a_change_of_the_leader(world: QueueWorld) -> None:
    other = await _second_namespace(world)
    await _class(world, wattsPerChip=72, dollarsPerChipHour="0.80")
    limits = {"chips": [{"class": CLASS, "chips": 8}], "watts": 250, "dollarsPerHour": "100"}
    first = {"name": "first", "namespaces": [world.namespace], "priority": 10}
    leader, standby = await _two_operators(world, other)
    async with _quota(world, other, limits, shares=[first]), _pool(world, "a"), _pool(other, "b"):
        async with _most_pods(world, other) as most:
            await other.push(3, "b")
            await scaled_to(other, MOST, "b")
            await eventually(
                _all_ready(other, "b"), "b's replicas work: no start of them can be taken back", 20
            )
            await world.push(2, "a")
            said = await has_condition(world, "WithinLimits", "False", "AtQuota", name="a")
            assert f"quota {world.namespace}: 216 of 250 W in use" in said["message"]
            assert f"{other.namespace}/b" in said["message"]

            leader.send(signal.SIGKILL)
            await eventually(_leading(standby), "the standby leads", 20)
            await other.push(2, "b")
            await asyncio.sleep(2)
            assert (await world.replicas("a"), await other.replicas("b")) == (0, MOST)

            await other.drain("b")
            await scaled_to(world, 2, "a")
            await has_condition(world, "WithinLimits", "True", name="a")
        assert max(most) == MOST
        status = await _status(world)
        assert status["used"] == f"2/8 {CLASS}, 144/250 W, $1.60/$100.00 per hour"
        assert {each["type"]: each["status"] for each in status["conditions"]} == {
            "Ready": "True",
            "Known": "True",
            "WithinLimits": "True",
        }
        assert 'poolkeeper_quota_used{measure="watts"' in standby.get("/metrics")


async def test_a_quota_ends_with_its_deletion_and_an_edit_takes_idle_replicas_back(world: QueueWorld) -> None:
    await _class(world, wattsPerChip=72, dollarsPerChipHour="0.80")
    operator = world.operator()
    operator.start()
    slow = {"scaleToZero": {"mode": "Fixed", "idleSeconds": 600}}
    async with _pool(world, "a", **slow):
        async with _quota(world, None, {"dollarsPerHour": "0.80"}):
            await world.push(3, "a")
            await scaled_to(world, 1, "a")
            await has_condition(world, "WithinLimits", "False", "AtQuota", name="a")
        await scaled_to(world, 3, "a")
        await world.drain("a")
        async with _quota(world, None, {"dollarsPerHour": "1.60"}):
            await scaled_to(world, 2, "a")


async def test_without_a_price_nothing_is_added_under_a_limit_in_dollars(world: QueueWorld) -> None:
    name = "quota-free"
    await create_if_missing(
        world.client,
        API_VERSION,
        "acceleratorclasses",
        {"kind": "AcceleratorClass", "metadata": {"name": name}, "spec": FIGURES},
    )
    world.operator().start()
    async with _pool(world, "a", accelerator={"class": name}), _quota(world, None, {"dollarsPerHour": "50"}):
        await world.push(1, "a")
        said = await has_condition(world, "WithinLimits", "False", "AtQuota", name="a")
        assert f"AcceleratorClass {name} has no price" in said["message"]
        assert await world.replicas("a") == 0
        path = api_path(API_VERSION, "acceleratorclasses", name)
        await patch(world.client, path, {"spec": {"dollarsPerChipHour": "1"}})
        await scaled_to(world, 1, "a")


async def _second_namespace(world: QueueWorld) -> QueueWorld:
    name = f"test-{uuid.uuid4().hex[:8]}"
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    await world.client.request("POST", api_path("v1", "namespaces"), body=manifest)
    return replace(world, namespace=name, operators=[])


async def _two_operators(world: QueueWorld, other: QueueWorld) -> tuple[OperatorProcess, OperatorProcess]:
    leader, standby = world.operator("leader"), world.operator("standby")
    leader.start(f"--watch-namespace={other.namespace}")
    await eventually(_leading(leader), "the first leads", 20)
    standby.start(f"--watch-namespace={other.namespace}")
    return leader, standby


def _leading(operator: OperatorProcess) -> Any:
    async def leads() -> bool:
        return operator.is_leading()

    return leads


def _all_ready(world: QueueWorld, name: str) -> Any:
    async def holds() -> bool:
        replicas = (await world.status(name)).get("replicas") or {}
        return bool(replicas.get("ready") == MOST)

    return holds


async def _class(world: QueueWorld, **figures: Any) -> None:
    manifest = {"kind": "AcceleratorClass", "metadata": {"name": CLASS}, "spec": {**FIGURES, **figures}}
    await create_if_missing(world.client, API_VERSION, "acceleratorclasses", manifest)


@asynccontextmanager
async def _pool(world: QueueWorld, name: str, **changes: Any) -> AsyncIterator[TargetKey]:
    """A pool whose replicas ask for one CPU each, on a list of its own, with pods that come and go."""
    target = await world.target(name)
    container = {**CONTAINER, "resources": {"requests": {"cpu": "1"}}}
    template = {"spec": {"template": {"spec": {"containers": [container]}}}}
    await patch(world.client, namespaced_path("apps/v1", world.namespace, "deployments", name), template)
    declared = {"accelerator": {"class": CLASS}, "demand": [world.source(name)], **changes}
    await world.create_pool(name, target=name, **declared)
    async with working(world.client, target):
        yield target


@asynccontextmanager
async def _quota(
    world: QueueWorld, other: QueueWorld | None, limits: dict[str, Any], **changes: Any
) -> AsyncIterator[None]:
    """A quota of the namespaces, during the block."""
    namespaces = [each.namespace for each in (world, other) if each]
    spec = {"namespaces": namespaces, "limits": limits, **changes}
    manifest = {"kind": "AcceleratorQuota", "metadata": {"name": world.namespace}, "spec": spec}
    await create(world.client, API_VERSION, "acceleratorquotas", manifest)
    try:
        yield
    finally:
        await world.client.request("DELETE", api_path(API_VERSION, "acceleratorquotas", world.namespace))


async def _status(world: QueueWorld) -> JsonObject:
    """The quota's status once it says what is used now."""
    path = api_path(API_VERSION, "acceleratorquotas", world.namespace)
    found: JsonObject = {}

    async def is_written() -> bool:
        found.update((await world.client.request("GET", path)).get("status") or {})
        return str(found.get("used", "")).startswith("2/")

    await eventually(is_written, "the quota's status says what is used", 20)
    return found


@asynccontextmanager
async def _most_pods(*worlds: QueueWorld) -> AsyncIterator[list[int]]:
    """The pods of all namespaces at each look."""
    seen: list[int] = []

    async def watch() -> None:
        while True:
            paths = [namespaced_path("v1", world.namespace, "pods") for world in worlds]
            found = [await worlds[0].client.request("GET", path) for path in paths]
            seen.append(sum(len(each["items"]) for each in found))
            await asyncio.sleep(0.05)

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
