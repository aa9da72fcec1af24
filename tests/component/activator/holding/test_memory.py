"""What is held in memory stays within the budgets, by what is there and not only by what is counted."""

import asyncio
import contextlib
import socket
import tracemalloc

from poolkeeper.activator.http2 import frames as h2_frames
from poolkeeper.activator.http2.frames import END_HEADERS, FrameType
from tests.component.activator.data_path import LOOPBACK, Activator, StartActivator
from tests.component.activator.exchanges import raw

KIB = 1024
CLIENTS = 150
BODY = bytes(400 * KIB)


async def send_what_is_taken(activator: Activator, data: bytes) -> socket.socket:
    """A client that sends as much as the sockets on the way take, and then stays."""
    client = socket.socket()
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, (LOOPBACK, activator.port))
    sent = 0
    for _ in range(20):
        with contextlib.suppress(BlockingIOError):
            sent += client.send(memoryview(data)[sent:])
        await asyncio.sleep(0)
    return client


def taken(activator: Activator) -> int:
    """Bytes of bodies and heads that the activator counts."""
    return activator.shared.budgets.bytes


async def memory_for(activator: Activator, data: bytes) -> float:
    """KiB that each of so many clients costs while all of them are held."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        clients = [await send_what_is_taken(activator, data) for _ in range(CLIENTS)]
        await activator.until_held(CLIENTS)
        await activator.until_steady(lambda: taken(activator))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    for client in clients:
        client.close()
    return (after - before) / KIB / CLIENTS


async def test_large_bodies_beyond_the_budget_are_not_in_memory(start_activator: StartActivator) -> None:
    small = b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n"
    large = b"POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
    activator = await start_activator(route={"held_bytes": 0})
    least = await memory_for(activator, small)
    activator = await start_activator(route={"held_bytes": 0})
    assert await memory_for(activator, large) < least + 12


async def test_bodies_that_come_at_the_same_moment_share_one_budget(start_activator: StartActivator) -> None:
    activator = await start_activator(route={"held_bytes": 16 * KIB})
    head = b"POST / HTTP/1.1\r\nHost: chat\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    clients = [await send_what_is_taken(activator, head) for _ in range(50)]
    await activator.until_held(50)
    for client in clients:
        client.send(BODY)
    assert await activator.until_steady(lambda: taken(activator)) <= 16 * KIB + 50 * len(head)
    for client in clients:
        client.close()


async def test_a_body_of_tiny_chunks_takes_no_more_than_it_counts(start_activator: StartActivator) -> None:
    head = b"POST / HTTP/1.1\r\nHost: chat\r\nTransfer-Encoding: chunked\r\n\r\n"
    activator = await start_activator()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        _, writer = await asyncio.open_connection(LOOPBACK, activator.port)
        writer.write(head + b"1\r\nx\r\n" * 20_000)
        await activator.until(lambda: activator.shared.budgets.body_bytes.used >= 20_000)
        await activator.until_steady(lambda: taken(activator))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 300 * KIB
    writer.close()


async def test_held_trailers_are_counted_with_their_objects(start_activator: StartActivator) -> None:
    head = b"POST / HTTP/1.1\r\nHost: chat\r\nTransfer-Encoding: chunked\r\n\r\n"
    activator = await start_activator()
    _, writer = await asyncio.open_connection(LOOPBACK, activator.port)
    writer.write(head + b"0\r\n" + b"".join(b"X-%02d: value\r\n" % n for n in range(50)) + b"\r\n")
    await activator.until_held(1)
    await activator.until_steady(lambda: taken(activator))
    assert activator.shared.budgets.body_bytes.used > 50 * 128
    writer.close()
    await activator.until(lambda: taken(activator) == 0)


async def test_what_a_held_http_2_connection_sends_is_counted(start_activator: StartActivator) -> None:
    opening = h2_frames.frame(FrameType.HEADERS, flags=END_HEADERS, stream=1, payload=b"\x82")
    body = h2_frames.frame(FrameType.DATA, stream=1, payload=bytes(60_000))
    data = h2_frames.PREFACE + h2_frames.frame(FrameType.SETTINGS) + opening + body
    activator = await start_activator(route={"held_bytes": 100_000})
    clients = [await asyncio.open_connection(LOOPBACK, activator.port) for _ in range(10)]
    for _, writer in clients:
        writer.write(data)
    await activator.until_held(10)
    await activator.until(lambda: activator.shared.budgets.body_bytes.used >= 20_000)
    assert activator.shared.budgets.body_bytes.used <= 100_000
    for _, writer in clients:
        writer.close()
    hang_ups = asyncio.create_task(activator.shared.hang_ups.run())
    await activator.until_held(0)
    hang_ups.cancel()
    await activator.until(lambda: taken(activator) == 0)


async def test_heads_beyond_their_bound_are_refused(start_activator: StartActivator) -> None:
    activator = await start_activator(total_head_bytes=100_000)
    head = b"GET / HTTP/1.1\r\nHost: chat\r\nX-Large: " + b"x" * 30_000 + b"\r\n\r\n"
    held = [await asyncio.open_connection(LOOPBACK, activator.port) for _ in range(3)]
    for _, writer in held:
        writer.write(head)
    await activator.until_held(3)
    answer = await raw(activator, head)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"ActivatorFull" in answer
    for _, writer in held:
        writer.close()
    await activator.until(lambda: activator.shared.budgets.head_bytes.used == 0)
