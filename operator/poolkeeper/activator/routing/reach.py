"""From a request that waits at the gate to a connection with a replica."""

from collections.abc import Awaitable, Callable

from poolkeeper.activator.gate.gate import Gate, Ticket
from poolkeeper.activator.net.connection import Connection, connect
from poolkeeper.activator.net.limits import Limits
from poolkeeper.activator.net.refusals import ClientGone

Wait = Callable[[Ticket], Awaitable[str]]


async def _wait(ticket: Ticket) -> str:
    return await ticket.replica


async def reach_replica(
    gate: Gate, ticket: Ticket, client: Connection, limits: Limits, wait: Wait = _wait
) -> tuple[str, Connection]:
    """The address of a replica and a connection to it; raises Refused and ClientGone.

    A replica that accepts no connection is passed over: a pod that is ready by its probe may not yet, or no
    longer, listen. Nothing was sent to it, so this is no second execution. The port is looked up each time: a
    Service may have been edited while the request waited.
    """
    while not client.ended:
        address = await wait(ticket)
        try:
            port = gate.backend_port(client.local_port)
            replica = await connect(address, port, limits.connect_seconds)
        except OSError:
            gate.send_back(ticket, pause_seconds=limits.refused_pause_seconds)
        else:
            gate.taken(ticket)
            return address, replica
    raise ClientGone
