"""The clients that people call models with, at a model that is at zero: OpenAI's and curl, as they come."""

import asyncio
import importlib.util
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType

import openai
import pytest
import pytest_asyncio
from aiohttp import web

from hack.kindcluster.machine.versions import HACK
from tests.component.activator.data_path import LOOPBACK, Activator, Serve
from tests.component.activator.exchanges import curl

ServeModel = Callable[[web.Application], Awaitable[None]]


class Lengths:
    """Embeds a text as its length."""

    def embed(self, text: str) -> tuple[list[float], int]:
        return [float(len(text)), 0.5], 1


def program(path: str) -> ModuleType:
    """A model server of ours, as its image runs it."""
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), HACK / "images" / f"{path}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> web.Application:
    """The simulated LLM server."""
    monkeypatch.setenv("TOKENS_PER_SECOND", "1000")
    served: web.Application = program("simulated-llm/simulated_llm").application()
    return served


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> web.Application:
    """The server of embeddings, without its weights."""
    stand_in = ModuleType("minilm")
    stand_in.MiniLM = Lengths  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "minilm", stand_in)
    served: web.Application = program("embeddings/embeddings").application(Lengths())
    return served


@pytest_asyncio.fixture
async def becomes_ready(activator: Activator) -> AsyncIterator[ServeModel]:
    """The model has loaded: it serves, and the activator has it in its table."""
    runners: list[web.AppRunner] = []

    async def start(application: web.Application) -> None:
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, activator.backend_port).start()
        runners.append(runner)
        await activator.route_to(LOOPBACK)

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest_asyncio.fixture
async def client(activator: Activator) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's, with its own defaults."""
    async with openai.AsyncOpenAI(base_url=f"{activator.url}/v1", api_key="k") as made:
        yield made


def chat(client: openai.AsyncOpenAI) -> "asyncio.Task[str | None]":
    """The text of an answer that comes in one piece."""

    async def ask() -> str | None:
        messages: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
        answer = await client.chat.completions.create(model="simulated", messages=messages, max_tokens=3)
        return answer.choices[0].message.content

    return asyncio.create_task(ask())


async def test_openai_chat_in_one_piece(
    activator: Activator, client: openai.AsyncOpenAI, llm: web.Application, becomes_ready: ServeModel
) -> None:
    asking = [chat(client) for _ in range(5)]
    await activator.until_held(5)
    await becomes_ready(llm)
    assert await asyncio.gather(*asking) == ["token0 token1 token2 "] * 5


async def test_openai_embeddings(
    activator: Activator, client: openai.AsyncOpenAI, embedder: web.Application, becomes_ready: ServeModel
) -> None:
    asking = asyncio.create_task(client.embeddings.create(model="m", input=["four", "seventeen letters"]))
    await activator.until_held(1)
    await becomes_ready(embedder)
    assert [one.embedding for one in (await asking).data] == [[4.0, 0.5], [17.0, 0.5]]


async def test_openai_list_of_models_is_held_and_not_empty(
    activator: Activator, client: openai.AsyncOpenAI, llm: web.Application, becomes_ready: ServeModel
) -> None:
    async def ask() -> list[str]:
        return [model.id async for model in client.models.list()]

    asking = asyncio.create_task(ask())
    await activator.until_held(1)
    await becomes_ready(llm)
    assert await asking == ["simulated"]


async def test_openai_comes_back_by_itself_when_it_was_told_to(
    activator: Activator,
    client: openai.AsyncOpenAI,
    llm: web.Application,
    becomes_ready: ServeModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        assert (activator.held, activator.report.expected_back) == (0, 1)
        await becomes_ready(llm)

    monkeypatch.setattr("anyio.sleep", sleep)
    await activator.route_to(ready_in_seconds=90.0)
    assert await chat(client.with_options(timeout=20.0)) == "token0 token1 token2 "
    assert pauses == [pytest.approx(90.0, abs=5.0)]
    assert (activator.report.arrived, activator.report.completed) == (2, 1)


async def test_openai_shows_why_it_was_refused(activator: Activator, client: openai.AsyncOpenAI) -> None:
    await activator.route_to(ready_in_seconds=90.0)
    with pytest.raises(openai.InternalServerError, match="expected to be ready in 90 s") as refused:
        await chat(client.with_options(timeout=20.0, max_retries=0))
    assert (refused.value.status_code, refused.value.code) == (503, "NotReadyInTime")


async def test_curl_through_a_cold_start(activator: Activator, serve: Serve) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=(await request.text()).upper())

    asking = asyncio.create_task(curl("--data", "hello", activator.url))
    await activator.until_held(1)
    await activator.route_to(await serve(echo))
    assert await asking == "HELLO"


async def test_curl_comes_back_by_itself_when_it_was_told_to(activator: Activator, serve: Serve) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="done")

    limit = ("--header", "Request-Timeout: 0.2")
    asking = asyncio.create_task(curl("--fail", "--retry", "3", *limit, activator.url))
    await activator.until(lambda: activator.report.expected_back == 1)
    await activator.route_to(await serve(answer))
    assert await asking == "done"
    assert (activator.report.arrived, activator.report.completed) == (2, 1)
