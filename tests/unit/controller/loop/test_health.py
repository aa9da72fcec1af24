"""The HTTP endpoints, asked over a socket."""

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Gauge

from hack.testing.ports import free_port
from poolkeeper.controller.loop.health import serving


async def answer(address: str, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}{path}") as response:
        return response.status, await response.text()


async def test_problems_are_named_and_all_is_well_without_any() -> None:
    problems: list[str] = []
    checks = {"pools": lambda: problems[0] if problems else None}
    address = f"127.0.0.1:{free_port()}"
    async with serving(address, CollectorRegistry(), live={}, ready=checks):
        assert (await answer(address, "/readyz"))[0] == 200
        problems.append("not yet")
        status, text = await answer(address, "/readyz")
        assert (status, "not yet" in text) == (503, True)
        assert (await answer(address, "/healthz"))[0] == 200


async def test_metrics_are_exposed_as_prometheus_reads_them() -> None:
    registry = CollectorRegistry()
    Gauge("some_value", "A value.", registry=registry).set(3)
    address = f"127.0.0.1:{free_port()}"
    async with serving(address, registry, live={}, ready={}):
        status, text = await answer(address, "/metrics")
    assert status == 200
    assert "some_value 3.0" in text


async def test_an_address_without_a_port_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValueError, match="write HOST:PORT"):
        async with serving("localhost", CollectorRegistry(), live={}, ready={}):
            pytest.fail("it serves")
