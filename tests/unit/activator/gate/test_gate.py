"""A replica that accepted no connection is tried again after its pause, on the loop that the process has."""

import asyncio

import pytest
import uvloop

from poolkeeper.activator.gate.budget import Budget
from poolkeeper.activator.gate.gate import Gate
from poolkeeper.activator.net.refusals import Cause, Refused
from poolkeeper.activator.observing.metrics import Metrics
from poolkeeper.api.activation import PoolRoute, Replica


def gate_with_one_slot() -> Gate:
    """A pool with one replica that takes one request at a time."""
    replicas = (Replica(address="a", slots=1),)
    route = PoolRoute(namespace="serving", name="chat", ports=(), replicas=replicas, hold_seconds=30)
    return Gate(route, Budget(10), Metrics().of_pool("serving", "chat"), lambda: None)


async def bounces(times: int) -> int:
    """How often a request is given to the only replica, which refuses it this often."""
    gate = gate_with_one_slot()
    ticket = gate.enter("client")
    granted = 0
    async with asyncio.timeout(5):
        for _ in range(times):
            await ticket.replica
            granted += 1
            gate.send_back(ticket, pause_seconds=0.003)
        await ticket.replica
    gate.leave(ticket)
    return granted + 1


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_the_only_replica_is_tried_again_after_each_pause(new_loop) -> None:  # type: ignore[no-untyped-def]
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(bounces(200)) == 201


async def test_a_request_that_was_sent_back_waits_no_longer_than_it_may() -> None:
    gate = gate_with_one_slot()
    ticket = gate.enter("client", limit_seconds=0.2)
    assert ticket.granted == "a"
    gate.send_back(ticket, pause_seconds=60)
    with pytest.raises(Refused) as refused:
        await asyncio.wait_for(ticket.replica, 10)
    assert refused.value.cause is Cause.TIME_LIMIT


async def test_a_newcomer_does_not_pass_who_waits() -> None:
    gate = gate_with_one_slot()
    first, second = gate.enter("client"), gate.enter("client")
    gate.leave(first)
    third = gate.enter("other")
    assert (second.granted, third.granted) == ("a", None)
