"""A fake API server and a client of it whose waits are short."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from poolkeeper.backoff import Backoff
from poolkeeper.kube.transport.client import KubeClient
from tests.component.kube.fake_api import FakeApi

QUICK = Backoff(first_seconds=0.001, longest_seconds=0.01)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    fake.url = f"http://{host}:{port}"
    yield fake
    await runner.cleanup()


@pytest_asyncio.fixture
async def client(api: FakeApi) -> AsyncIterator[KubeClient]:
    """A client that gets a new token at each login, as a rotated one would be."""
    logins = 0

    async def log_in() -> Configuration:
        nonlocal logins
        logins += 1
        await asyncio.sleep(0)
        return Configuration(host=api.url, api_key={"BearerToken": f"Bearer token-{logins}"})

    async with KubeClient(await log_in(), log_in=log_in, backoff=QUICK) as client:
        yield client
