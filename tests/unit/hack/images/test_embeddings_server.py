"""The server around the real model; the model itself, whose weights are not installed here, runs in e2e."""

import asyncio
import base64
import importlib.util
import struct
import sys
import threading
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest
from aiohttp import ClientSession, web

from hack.kindcluster.machine.versions import HACK
from poolkeeper.sources.http.engines import ENGINES, ServerLoad, load_of, metrics_text


class SlowModel:
    """Embeds a text as its length, once it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.began = threading.Event()

    def embed(self, text: str) -> tuple[list[float], int]:
        self.began.set()
        assert self.let.wait(10)
        return [float(len(text)), 0.5], 1


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    stand_in = ModuleType("minilm")
    stand_in.MiniLM = SlowModel  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "minilm", stand_in)
    spec = importlib.util.spec_from_file_location("embeddings", HACK / "images/embeddings/embeddings.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def model() -> SlowModel:
    return SlowModel()


@pytest.fixture
async def session(program: ModuleType, model: SlowModel) -> AsyncIterator[ClientSession]:
    """A client of the server on a port of its own."""
    runner = web.AppRunner(program.application(model))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with ClientSession(f"http://{host}:{port}") as client:
        yield client
    await runner.cleanup()


async def post(session: ClientSession, body: Any) -> tuple[int, dict[str, Any]]:
    async with session.post("/v1/embeddings", json=body) as answer:
        return answer.status, await answer.json()


async def load(session: ClientSession) -> ServerLoad:
    """The server's load, as the operator reads it."""
    async with session.get("/metrics") as answer:
        text = metrics_text(ENGINES)
        text.feed(await answer.read())
    return load_of(text.totals, ENGINES)


async def test_its_load_is_known_while_it_works_and_when_it_is_idle(
    session: ClientSession, model: SlowModel
) -> None:
    assert await load(session) == ServerLoad(waiting=0, running=0, activity=0)

    asked = [asyncio.create_task(post(session, {"input": "one"})) for _ in range(3)]
    await asyncio.to_thread(model.began.wait, 10)
    for _ in range(1000):  # until the other two have arrived
        if (await load(session)).waiting == 2:
            break
        await asyncio.sleep(0.01)
    assert await load(session) == ServerLoad(waiting=2, running=1, activity=0)

    model.let.set()
    assert [status for status, _ in await asyncio.gather(*asked)] == [200, 200, 200]
    assert await load(session) == ServerLoad(waiting=0, running=0, activity=3)


@pytest.mark.parametrize(("given", "lengths"), [("four", [4]), (["a", "bb"], [1, 2])])
async def test_each_text_gets_its_vector_in_numbers_or_in_base64(
    session: ClientSession, model: SlowModel, given: object, lengths: list[int]
) -> None:
    model.let.set()
    expected = [[float(length), 0.5] for length in lengths]

    _, plain = await post(session, {"input": given})
    _, encoded = await post(session, {"input": given, "encoding_format": "base64"})

    assert [one["embedding"] for one in plain["data"]] == expected
    assert [
        list(struct.unpack("<2f", base64.b64decode(one["embedding"]))) for one in encoded["data"]
    ] == expected
    assert plain["usage"] == {"prompt_tokens": len(lengths), "total_tokens": len(lengths)}


@pytest.mark.parametrize("body", [[], {}, {"input": []}, {"input": [1]}, {"input": ["x"] * 257}])
async def test_what_is_no_text_is_refused_and_counts_as_no_work(session: ClientSession, body: object) -> None:
    status, answer = await post(session, body)

    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"
    assert await load(session) == ServerLoad(waiting=0, running=0, activity=0)
