"""One of two activators accepts connections and says nothing, as a frozen process does: the other goes on."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio

from hack.testing.waiting import eventually
from poolkeeper.controller.front.activators import ActivatorSettings
from poolkeeper.controller.front.timing import FrontTiming
from poolkeeper.core.front.routing import FOREIGN_TABLE_SECONDS
from tests.component.activator.data_path import LOOPBACK
from tests.component.activator.exchanges import answer_ok
from tests.component.activator.process import ActivatorProcess
from tests.component.controller.front.http_fakes import ready_pod
from tests.component.controller.front.http_scene import HttpScene

HUNG = "127.0.0.2"
POOL = f"chat-{uuid.uuid4().hex[:8]}"
"""Its name decides which port the activator listens on: two runs of this test at once must not meet there."""


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes whatever comes."""
    while await reader.read(65_536):
        pass
    writer.close()


@pytest_asyncio.fixture
async def scene(tmp_path: Path) -> AsyncIterator[HttpScene]:
    """A controller with its real links, a real activator and a hung one; the pool is at zero."""
    token_file = tmp_path / "token"
    token_file.write_text("right")
    process = ActivatorProcess(token_file)
    hung = await asyncio.start_server(says_nothing, HUNG, process.control)
    replica = await asyncio.start_server(answer_ok, LOOPBACK, 0)
    settings = ActivatorSettings(
        namespace="ns", selector="app=activator", control_port=process.control, token_file=token_file
    )
    scene = HttpScene(settings=settings, timing=FrontTiming(), has_real_links=True)
    for address in (LOOPBACK, HUNG):
        scene.add_activator(address)
    scene.add_service()
    scene.api.services["chat"]["spec"]["ports"][0]["targetPort"] = replica.sockets[0].getsockname()[1]
    yield scene
    scene.close()
    process.stop.set()
    await process.task
    hung.close()
    replica.close()


async def until_demand(scene: HttpScene, demand: tuple[int, int]) -> None:
    """Wait until this much waits and is in flight."""
    await eventually(lambda: bool(scene.published) and scene.demand() == demand, f"demand {demand}", 20)


async def until_endpoint(scene: HttpScene) -> str:
    """Where clients of the Service go, once an activator is an endpoint of it."""
    await eventually(lambda: scene.slice() is not None, "the activator is an endpoint", 20)
    owned = scene.slice()
    assert owned is not None
    assert owned.addresses == (LOOPBACK,), "the hung one is never sent anybody"
    return f"http://{LOOPBACK}:{owned.ports[0][1]}"


async def test_what_the_other_holds_is_demand_and_is_answered(scene: HttpScene) -> None:
    pool = scene.declare(POOL)
    scene.start()
    url = await until_endpoint(scene)
    async with httpx.AsyncClient(timeout=30, transport=httpx.AsyncHTTPTransport(retries=5)) as client:
        asking = [asyncio.create_task(client.get(url)) for _ in range(3)]
        await until_demand(scene, (3, 0))

        scene.now += FOREIGN_TABLE_SECONDS + 1  # the hung one may go by a table of another controller
        scene.decides(pool, 1)
        pool.pods = (ready_pod(LOOPBACK),)
        scene.http.pods_changed("ns")
        assert [(await each).text for each in asking] == ["ok"] * 3


async def test_without_anything_held_it_makes_demand_unknown_and_not_zero(scene: HttpScene) -> None:
    scene.declare(POOL)
    scene.start()
    await until_endpoint(scene)
    await scene.settle()
    assert scene.demand() is None
