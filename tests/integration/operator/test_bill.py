"""The bill against an independent sum from the API server's audit log, over restarts of the operator."""

import asyncio
import signal

import pytest

from hack.testing.bill_world import Jobs, Round, billed, create_billed_pool, independent
from hack.testing.queue_world import QueueWorld, has_condition
from hack.testing.workload import working

AROUND_SECONDS = 1.0
"""A pod shows whole seconds, and this is a test of one minute; fleet.bill measures for longer."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
async def test_the_bill_is_that_of_the_audit_log(world: QueueWorld, number: signal.Signals) -> None:
    target = await world.target()
    operator = world.operator()
    operator.start()
    await create_billed_pool(world, idle_seconds=3)
    await has_condition(world, "Ready", "True")
    async with working(world.client, target, load_seconds=4.0) as workload:
        jobs = Jobs(world, workload)
        await jobs.trip(Round(work=5.0, idle=3.0, pause=1.0))
        trip = asyncio.create_task(jobs.trip(Round(work=8.0, idle=3.0, pause=7.0)))
        await asyncio.sleep(7.0)
        operator.stop(number)
        await asyncio.sleep(1.0)
        operator.start()
        await trip
        pods = world.api_server.audit_log.pods(world.namespace)
    found, expected = billed(operator), independent(pods, jobs.busy_seconds)
    assert len(pods) == 2
    assert found.starting == pytest.approx(expected.starting, abs=AROUND_SECONDS)
    assert found.tail == pytest.approx(expected.tail, abs=AROUND_SECONDS)
    assert sum(found) == pytest.approx(sum(expected), abs=AROUND_SECONDS)
    if number is signal.SIGTERM:
        # A kill may lose what was worked within a minute before it, and only then idle counts for busy.
        assert found.busy == pytest.approx(expected.busy, abs=AROUND_SECONDS)
        assert found.idle == pytest.approx(expected.idle, abs=AROUND_SECONDS)
