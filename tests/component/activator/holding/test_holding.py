"""A request that comes while the pool is at zero waits, and is answered when a replica is ready."""

import asyncio

import aiohttp
import httpx
from aiohttp import web

from hack.testing.clocks import LoopClock
from hack.testing.ports import free_port
from poolkeeper.activator.net.connection import Connection
from poolkeeper.api.activation import PoolRoute, PortRoute, Replica, RoutingTable
from tests.component.activator.data_path import Activator, Serve, StartActivator


async def echo(request: web.Request) -> web.Response:
    """Says what came."""
    return web.json_response({"path": request.path_qs, "body": (await request.read()).decode()})


async def test_a_request_is_held_until_a_replica_is_ready(activator: Activator, serve: Serve) -> None:
    async with httpx.AsyncClient() as client:
        waiting = asyncio.create_task(client.post(f"{activator.url}/v1/chat?q=1", content="hello"))
        await activator.until_held(1)
        assert not waiting.done()

        await activator.route_to(await serve(echo))
        response = await waiting

    assert response.json() == {"path": "/v1/chat?q=1", "body": "hello"}
    assert float(response.headers["x-poolkeeper-cold-start"]) > 0
    assert (activator.held, activator.report.in_flight, activator.report.completed) == (0, 0, 1)


async def test_a_client_that_hangs_up_is_no_demand(activator: Activator) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    await activator.until_held(1)

    writer.close()

    await activator.until_held(0)
    assert activator.report.completed == 0


async def test_a_hang_up_is_seen_also_behind_an_early_next_request(
    start_activator: StartActivator, clock: LoopClock
) -> None:
    opened: list[Connection] = []

    class Seen(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            opened.append(self)
            super().connection_made(transport)

    activator = await start_activator(make_connection=Seen)
    hang_ups = asyncio.create_task(activator.shared.hang_ups.run())
    _, writer = await asyncio.open_connection("127.0.0.1", activator.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n")
    await activator.until_held(1)
    writer.write(b"GET / HTTP/1.1\r\nHost: chat\r\nX-Long: " + b"x" * 2000)
    await activator.until(lambda: opened[0].is_paused)
    writer.close()
    await writer.wait_closed()
    await clock.jump(1.5)
    await activator.until_held(0)
    hang_ups.cancel()


async def test_no_replica_gets_more_than_its_slots(activator: Activator, serve: Serve) -> None:
    most = dict.fromkeys(("127.0.0.1", "127.0.0.2"), 0)
    now = dict(most)
    served = dict(most)

    def replica(address: str):  # type: ignore[no-untyped-def]
        async def work(_: web.Request) -> web.Response:
            now[address] += 1
            most[address] = max(most[address], now[address])
            await asyncio.sleep(0.005)
            now[address] -= 1
            served[address] += 1
            return web.Response(text="done")

        return work

    addresses = [await serve(replica(address), address) for address in most]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:

        async def ask() -> int:
            async with client.get(activator.url) as response:
                await response.read()
                return response.status

        asked = [asyncio.create_task(ask()) for _ in range(200)]
        await activator.until_held(200)
        await activator.route_to(*addresses, slots=4)
        assert set(await asyncio.gather(*asked)) == {200}

    assert all(requests <= 4 for requests in most.values())
    assert sum(served.values()) == 200
    assert min(served.values()) > 50


async def test_pools_of_one_name_in_two_namespaces_do_not_mix(activator: Activator) -> None:
    async def says(word: bytes) -> asyncio.Server:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(word), word))
            writer.close()

        return await asyncio.start_server(answer, "127.0.0.1", 0)

    replicas = {"blue": await says(b"blue"), "green": await says(b"green")}
    at_zero = {
        namespace: PoolRoute(
            namespace=namespace,
            name="chat",
            hold_seconds=30,
            ports=(
                PortRoute(
                    service="chat",
                    listen_port=free_port(),
                    backend_port=replica.sockets[0].getsockname()[1],
                ),
            ),
        )
        for namespace, replica in replicas.items()
    }
    activator.pools.apply(RoutingTable(table_version=next(activator.versions), pools=tuple(at_zero.values())))
    await activator.server.listen()

    def held() -> dict[str, int]:
        return {
            report.namespace: sum(entry.requests for entry in report.waiting)
            for report in activator.pools.reports()
            if report.namespace in at_zero
        }

    async with httpx.AsyncClient() as client:
        blue, green = (
            asyncio.create_task(client.get(f"http://127.0.0.1:{route.ports[0].listen_port}"))
            for route in at_zero.values()
        )
        await activator.until(lambda: held() == {"blue": 1, "green": 1})
        ready = {"replicas": (Replica(address="127.0.0.1", slots=8),)}
        pools = (at_zero["blue"].model_copy(update=ready), at_zero["green"])
        activator.pools.apply(RoutingTable(table_version=next(activator.versions), pools=pools))
        assert (await blue).text == "blue"
        assert held() == {"blue": 0, "green": 1}
        pools = (at_zero["blue"], at_zero["green"].model_copy(update=ready))
        activator.pools.apply(RoutingTable(table_version=next(activator.versions), pools=pools))
        assert (await green).text == "green"
    for replica in replicas.values():
        replica.close()
