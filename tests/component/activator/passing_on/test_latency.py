"""What the activator adds: no timer and no poll of its own, and never more than one connection attempt."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from hack.testing.clocks import LoopClock
from tests.component.activator.data_path import Activator, Serve, ServeRaw, StartActivator
from tests.component.activator.exchanges import GET, answer_ok, patient, raw


@contextmanager
def black_hole(address: str, port: int) -> Iterator[str]:
    """An address at which connections are neither accepted nor refused: its queue of them is full."""
    with socket.socket() as listener:
        listener.bind((address, port))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex((address, port))
        try:
            yield address
        finally:
            for each in waiting:
                each.close()


async def test_a_warm_request_waits_for_no_timer(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    await activator.route_to(await serve_raw(answer_ok))
    async with clock.standing_still():
        for _ in range(20):
            assert (await patient(activator)).endswith(b"ok")


async def test_a_release_waits_for_no_timer(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    address = await serve_raw(answer_ok)
    asking = [asyncio.create_task(patient(activator)) for _ in range(20)]
    await activator.until_held(20)
    async with clock.standing_still():
        await activator.route_to(address, slots=2)
        assert all(answer.endswith(b"ok") for answer in await asyncio.gather(*asking))


async def test_a_replica_behind_a_black_hole_costs_one_attempt(
    start_activator: StartActivator, clock: LoopClock
) -> None:
    activator = await start_activator(connect_seconds=5.0, refused_pause_seconds=60.0)
    server = await asyncio.start_server(answer_ok, "127.0.0.2", activator.backend_port)
    with black_hole("127.0.0.1", activator.backend_port) as lost:
        await activator.route_to(lost, "127.0.0.2")
        first = asyncio.create_task(patient(activator))
        await activator.until(lambda: activator.report.at_replicas == {lost: 1})
        await clock.jump(4.9)
        assert not first.done()
        await clock.jump(0.2)
        assert (await first).endswith(b"ok")
        async with clock.standing_still():
            for _ in range(5):
                assert (await patient(activator)).endswith(b"ok"), "it is passed over while it has its pause"
    server.close()


async def test_attempts_do_not_grow_apart(
    activator: Activator, serve_raw: ServeRaw, clock: LoopClock
) -> None:
    await activator.route_to("127.0.0.2")
    asking = asyncio.create_task(patient(activator))
    for _ in range(25):
        await clock.jump(1.0)
    await serve_raw(answer_ok, "127.0.0.2")
    assert not asking.done()
    await clock.jump(2 * activator.shared.limits.refused_pause_seconds)
    async with asyncio.timeout(2):
        assert (await asking).endswith(b"ok")


async def test_a_replica_that_hangs_keeps_only_what_it_was_given(
    activator: Activator, serve: Serve, serve_raw: ServeRaw
) -> None:
    given: list[asyncio.StreamWriter] = []

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        given.append(writer)
        await reader.read()

    await activator.route_to(await serve_raw(hangs, "127.0.0.2"), await serve_raw(answer_ok), slots=1)
    asked = [asyncio.create_task(raw(activator, GET)) for _ in range(10)]
    await activator.until(lambda: sum(task.done() for task in asked) == 9)
    assert (len(given), activator.held) == (1, 0)
    for task in asked:
        task.cancel()
    for writer in given:
        writer.transport.abort()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(each, bytes) and each.endswith(b"ok") for each in results) == 9
