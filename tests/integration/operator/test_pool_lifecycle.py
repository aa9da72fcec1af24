"""A pool from zero to what the work needs and back, and what status, events, explain and metrics say."""

from typing import Any

from hack.testing.objects import patch
from hack.testing.operator_process import OperatorProcess, explain
from hack.testing.queue_world import QueueWorld, has_condition, scaled_to
from hack.testing.waiting import eventually
from hack.testing.workload import working
from poolkeeper.api.past_decision import PastDecision
from poolkeeper.commands.explain import HEADINGS
from poolkeeper.core.learning.saved import restore
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.transport.paths import namespaced_path

STARTS = {"StartAtOnce", "StartAhead"}


async def test_a_pool_goes_up_with_its_work_and_back_to_zero(world: QueueWorld) -> None:
    async with working(world.client, await world.target()) as workload:
        await world.create_pool()
        world.operator().start()
        await has_condition(world, "ScaledToZero", "True")
        await world.push(3)
        await scaled_to(world, 3)
        await has_condition(world, "ScaledToZero", "False")
        await eventually(lambda: workload.ready == 3, "all replicas are ready", 20)
        await world.drain()
        await scaled_to(world, 0)
        await has_condition(world, "ScaledToZero", "True")
    await _is_explained(world)


async def _is_explained(world: QueueWorld) -> None:
    status = await world.status()
    decided = [PastDecision.model_validate(line).replicas for line in status["decisions"]]
    assert decided[-1] == 0
    assert 3 in decided
    reasons = {event["reason"] for event in await _events(world)}
    assert "StopIdle" in reasons
    assert reasons & STARTS
    table = explain(world.api_server.kubeconfig(), f"{world.namespace}/pool")
    assert all(heading in table for heading in HEADINGS)
    assert any(reason in table for reason in STARTS)
    metrics = world.operators[0].get("/metrics")
    labels = f'namespace="{world.namespace}",pool="pool"'
    downs = f'poolkeeper_pool_scale_writes_total{{direction="down",{labels}}}'
    assert f"{downs} 1.0" in metrics or f"{downs} 2.0" in metrics, (
        "to zero, after what was surplus or with it"
    )


async def _events(world: QueueWorld) -> list[dict[str, Any]]:
    found = await world.client.request("GET", namespaced_path("v1", world.namespace, "events"))
    return list(found["items"])


async def test_an_observed_pool_is_explained_and_never_written(world: QueueWorld) -> None:
    await world.target()
    await world.create_pool(mode="Observe")
    world.operator().start()
    await has_condition(world, "Ready", "True", "Observed")
    await world.push(3)

    async def wants_replicas() -> bool:
        return bool((await world.status()).get("decision", {}).get("replicas"))

    await eventually(wants_replicas, "a decision to start", 20)
    assert await world.replicas() == 0
    assert (await world.status())["replicas"]["desired"] == 0


async def test_what_was_learned_survives_a_restart_and_counts_once(world: QueueWorld) -> None:
    async with working(world.client, await world.target()):
        await world.create_pool(scaleToZero={"mode": "Never"}, replicas={"min": 3, "max": 3})
        first = world.operator("first")
        first.start()
        await eventually(lambda: _has_learned(first, world, 3), "three starts are learned", 30)
        # Changed numbers alone are written once a minute, what an edit leads to at once.
        await patch(world.client, world.path("acceleratorpools", "pool"), {"spec": {"replicas": {"max": 4}}})
        await eventually(lambda: _has_samples(world, 3), "three starts are in the status", 20)
        first.stop()
        learned = (await world.status())["learned"]
        second = world.operator("second")
        second.start()
        await eventually(lambda: _leads(second), "the second leads", 20)
        await has_condition(world, "DemandKnown", "True")
    status = await world.status()
    assert len(start_uids(learned)) == 3
    assert start_uids(status["learned"]) == start_uids(learned)
    assert status["coldStart"]["samples"] == 3
    assert await _has_learned(second, world, 3)


def start_uids(saved: object) -> list[int]:
    """The pods whose starts a saved state has counted."""
    return list(restore(saved, 0.0, PoolSpec(max_replicas=3, budget_seconds=1.0)).starts.uids)


async def _has_learned(operator: OperatorProcess, world: QueueWorld, samples: int) -> bool:
    labels = f'namespace="{world.namespace}",outcome="ready",pool="pool"'
    return f"poolkeeper_pool_cold_starts_total{{{labels}}} {samples}.0" in operator.get("/metrics")


async def _has_samples(world: QueueWorld, samples: int) -> bool:
    return bool((await world.status()).get("coldStart", {}).get("samples") == samples)


async def _leads(operator: OperatorProcess) -> bool:
    return operator.is_leading()
