"""`poolkeeper activator` as it is started in a pod."""

import argparse
import asyncio
import socket
from pathlib import Path

import pytest
import uvloop
from aiohttp import ClientSession

from hack.testing.ports import free_port
from poolkeeper.activator import process
from poolkeeper.commands import activator as command


def settings(folder: Path) -> process.Settings:
    """Those of a command line without addresses, with ports of the test's own."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    arguments = parser.parse_args(["--token-file", str(folder / "token")])
    return process.Settings(
        identity="a",
        token_file=arguments.token_file,
        control=(arguments.control[0], free_port()),
        probes=(arguments.listen[0], free_port()),
        notice_seconds=0.0,
        leave_seconds=0.0,
    )


def own_addresses() -> list[str]:
    """The loopback addresses that this machine has: kernels without IPv6 have one."""
    found = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind((address, 0))
        except OSError:
            continue
        found.append(address)
    return found


async def answers(chosen: process.Settings) -> dict[str, int]:
    """Status of the liveness probe, and of an unauthenticated look at the control port, by address."""
    stop = asyncio.Event()
    running = asyncio.create_task(process.run(chosen, stop))
    found: dict[str, int] = {}
    async with asyncio.timeout(10), ClientSession() as client:
        for address in own_addresses():
            host = f"[{address}]" if ":" in address else address
            while address not in found:
                try:
                    async with client.get(f"http://{host}:{chosen.control[1]}/v1/reports") as refused:
                        assert refused.status == 401
                    async with client.get(f"http://{host}:{chosen.probes[1]}/healthz") as response:
                        found[address] = response.status
                except OSError:
                    assert not running.done()
                    await asyncio.sleep(0.02)
    stop.set()
    await running
    return found


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_probes_and_controller_reach_it_on_both_families(run: object, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("right")
    assert callable(run)
    assert run(answers(settings(tmp_path))) == dict.fromkeys(own_addresses(), 200)


def test_an_address_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    arguments = parser.parse_args(["--token-file", "t", "--control", "[fd00::1]:9", "--listen", "10.0.0.1:8"])
    assert (arguments.control, arguments.listen) == (("fd00::1", 9), ("10.0.0.1", 8))
