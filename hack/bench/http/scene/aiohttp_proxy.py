"""The least that a proxy of aiohttp's server and client does: read, hold, pass on over a new connection.

It has no fair turns, no deadlines, no byte budgets, no 1xx, no trailers, no upgrades and no access log, so it
is a lower bound of what an activator on top of aiohttp would cost.

    python -m hack.bench.http.scene.aiohttp_proxy PORT CONTROL_PORT
"""

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web

MOST_AT_ONCE = 64
DROPPED = {"connection", "keep-alive", "transfer-encoding", "content-length"}


async def serve(port: int, control_port: int) -> None:
    """Serve until killed; PUT to the control port names the replica, GET says how many requests wait."""
    replica, has_replica = "", asyncio.Event()
    slots = asyncio.Semaphore(MOST_AT_ONCE)
    held = 0
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    session = aiohttp.ClientSession(connector=connector, auto_decompress=False)

    async def proxy(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal held
        body = await request.read()
        held += 1
        try:
            await has_replica.wait()
            await slots.acquire()
        finally:
            held -= 1
        try:
            headers = {name: value for name, value in request.headers.items() if name.lower() not in DROPPED}
            async with session.request(
                request.method, replica + request.raw_path, headers=headers, data=body, allow_redirects=False
            ) as answer:
                kept = [
                    (name, value) for name, value in answer.headers.items() if name.lower() not in DROPPED
                ]
                response = web.StreamResponse(status=answer.status, reason=answer.reason)
                response.headers.extend(kept)
                response.content_length = answer.content_length
                await response.prepare(request)
                async for part in answer.content.iter_any():
                    await response.write(part)
                await response.write_eof()
                return response
        finally:
            slots.release()

    async def control(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal replica
        if request.method == "PUT":
            replica = (await request.text()).partition(",")[0]
            (has_replica.set if replica else has_replica.clear)()
        return web.Response(text=str(held))

    for handler, listens_on in ((proxy, port), (control, control_port)):
        runner = web.ServerRunner(web.Server(handler))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", listens_on, backlog=4096).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
