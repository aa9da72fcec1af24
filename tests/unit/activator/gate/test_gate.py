"""The timers of the gate, on the loops that the process and its tests have; its rules are in test_line."""

import asyncio

import pytest
import uvloop

from poolkeeper.activator.gate.budget import Budget
from poolkeeper.activator.gate.gate import Gate
from poolkeeper.activator.net.refusals import Cause, ClientGone, Refused
from poolkeeper.activator.observing.metrics import Metrics, PoolMetrics
from poolkeeper.api.activation import PoolRoute, Replica

ROUTE = PoolRoute(
    namespace="serving",
    name="chat",
    ports=(),
    replicas=(Replica(address="a", slots=1),),
    hold_seconds=30,
)


def gate_with_one_slot() -> Gate:
    """A pool with one replica that takes one request at a time."""
    return Gate(ROUTE, Budget(10), PoolMetrics(Metrics(), "serving", "chat"), lambda: None)


async def bounces(times: int) -> int:
    """How often a request is given to the only replica, which accepts no connection this often."""
    place = gate_with_one_slot().enter("client")
    granted = 0
    async with asyncio.timeout(5):
        for _ in range(times):
            await place.until_decided()
            granted += place.replica() == "a"
            place.not_connected(pause_seconds=0.003)
        await place.until_decided()
    place.leave()
    return granted + 1


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_only_replica_is_tried_again_after_each_pause(new_loop) -> None:  # type: ignore[no-untyped-def]
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(bounces(200)) == 201


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_request_that_was_sent_back_waits_no_longer_than_it_may(new_loop) -> None:  # type: ignore[no-untyped-def]
    async def cause() -> Cause:
        place = gate_with_one_slot().enter("client", limit_seconds=0.2)
        assert place.replica() == "a"
        place.not_connected(pause_seconds=60)
        assert not await place.until_decided(0.01)
        assert await place.until_decided(10)
        with pytest.raises(Refused) as refused:
            place.replica()
        return refused.value.cause

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(cause()) is Cause.TIME_LIMIT


async def test_a_budget_that_is_raised_while_a_request_waits_moves_its_timer() -> None:
    gate = gate_with_one_slot()
    gate.update(ROUTE.model_copy(update={"replicas": (), "hold_seconds": 1}))
    place = gate.enter("client")
    gate.update(ROUTE.model_copy(update={"replicas": (), "hold_seconds": 2}))
    assert not await place.until_decided(1.5)
    assert await place.until_decided(5)
    assert place.waited_seconds >= 2


async def test_the_deadline_of_a_connection_that_rests_is_nothing_to_wait_for() -> None:
    changes: list[None] = []
    gate = Gate(ROUTE, Budget(10), PoolMetrics(Metrics(), "serving", "chat"), lambda: changes.append(None))
    place = gate.enter("client", limit_seconds=0.05)
    place.not_connected(pause_seconds=0.01)
    await place.until_decided()
    place.rest()
    before = len(changes)
    await asyncio.sleep(0.1)
    assert len(changes) == before
    place.resume()
    assert (place.replica(), gate.report().in_flight) == ("a", 1)


async def test_who_waits_for_a_replica_hears_that_the_client_has_left() -> None:
    gate = gate_with_one_slot()
    gate.enter("client")
    waits = gate.enter("client")
    waiting = asyncio.create_task(waits.until_decided())
    await asyncio.sleep(0)
    waits.abandon()
    assert await asyncio.wait_for(waiting, 5)
    with pytest.raises(ClientGone):
        waits.replica()
    assert (waits.has_left, gate.report().in_flight) == (True, 1)
