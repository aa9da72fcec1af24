"""A replica that accepted no connection is tried again after its pause, on the loop that the process has."""

import asyncio

import pytest
import uvloop

from poolkeeper.activator.budget import Budget
from poolkeeper.activator.gate import Gate
from poolkeeper.activator.metrics import Metrics
from poolkeeper.api.activation import PoolRoute, Replica


async def bounces(times: int) -> int:
    """How often a request is given to the only replica, which refuses it this often."""
    replicas = (Replica(address="a", slots=1),)
    route = PoolRoute(namespace="serving", name="chat", ports=(), replicas=replicas, hold_seconds=30)
    gate = Gate(route, Budget(10), Metrics().of_pool("serving", "chat"), lambda: None)
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
