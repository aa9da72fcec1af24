"""A model server as a pod runs it: it loads, becomes ready, answers, and writes down what it executes.

    python -m hack.bench.http.scene.model_server --listen HOST:PORT --load-seconds 0.5 --record FILE

It writes a line for every request before it works on the request, so that the line is there even if the
process is killed meanwhile. After SIGTERM it takes no new connection, finishes what runs, closes each
connection with the next answer on it, and ends once no connection is left.
"""

import argparse
import asyncio
import os
import signal
import time
from pathlib import Path
from typing import cast

import uvloop

LINGER_SECONDS = 3.0
"""How long idle connections stay after SIGTERM: longer than clients keep them."""
WORK_SECONDS = 0.005
STREAM_PAUSE_SECONDS = 0.05
STREAM_PARTS = 6


class Model:
    """What all connections share."""

    def __init__(self, record: Path) -> None:
        self._record = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.running = self.succeeded = 0
        self.stopping = asyncio.Event()
        self.connections: set[Serving] = set()
        self._probed = self._received = False

    def probed(self) -> None:
        """A probe is about to be answered."""
        if not self._probed:
            self._probed = True
            self.write(f"probed {time.monotonic()}")

    def received(self) -> None:
        """The first bytes of a request that is none of ours have come."""
        if not self._received:
            self._received = True
            self.write(f"received {time.monotonic()}")

    def write(self, line: str) -> None:
        """Put a line into the record, in one piece."""
        os.write(self._record, f"{line}\n".encode())

    def metrics(self) -> str:
        """As vLLM has them."""
        return (
            f"vllm:num_requests_running {self.running}\nvllm:num_requests_waiting 0\n"
            f"vllm:request_success_total {self.succeeded}\n"
        )


class Serving(asyncio.Protocol):
    """One connection; its requests come one by one, without bodies in chunks."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._received = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: open."""
        self.transport = cast(asyncio.Transport, transport)
        self._model.connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: closed."""
        self._model.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        if not data.startswith(b"GET "):
            self._model.received()
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank:
            return
        lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines[1:])
        }
        length = int(fields.get("content-length", "0"))
        if len(body) >= length:
            self._received = body[length:]
            path = lines[0].split(" ")[1]
            closes = fields.get("connection", "").lower() == "close"
            self._task = asyncio.get_running_loop().create_task(
                self._answer(path, body[:length].decode(), closes=closes)
            )

    async def _answer(self, path: str, body: str, *, closes: bool) -> None:
        if path == "/health":
            self._model.probed()
            self._respond(b"ok", closes=True)
        elif path == "/metrics":
            self._respond(self._model.metrics().encode(), closes=closes)
        else:
            self._model.write(f"executed {body}")
            self._model.running += 1
            try:
                await self._work(path, body, closes=closes)
            finally:
                self._model.running -= 1
                self._model.succeeded += 1

    async def _work(self, path: str, body: str, *, closes: bool) -> None:
        if path != "/stream":
            await asyncio.sleep(WORK_SECONDS)
            self._respond(f"answer to {body}".encode(), closes=closes)
            return
        self.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        for part in (*["answer "] * (STREAM_PARTS - 1), f"to {body}"):
            await asyncio.sleep(STREAM_PAUSE_SECONDS)
            self.transport.write(f"{len(part):x}\r\n{part}\r\n".encode())
        self.transport.write(b"0\r\n\r\n")
        self.transport.close()

    def _respond(self, body: bytes, *, closes: bool) -> None:
        closes = closes or self._model.stopping.is_set()
        connection = b"Connection: close\r\n" if closes else b""
        head = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (connection, len(body))
        self.transport.write(head + body)
        if closes:
            self.transport.close()


async def serve(host: str, port: int, load_seconds: float, record: Path) -> None:
    """Until SIGTERM, and what was begun is finished."""
    loop = asyncio.get_running_loop()
    model = Model(record)
    loop.add_signal_handler(signal.SIGTERM, model.stopping.set)
    await asyncio.sleep(load_seconds)
    server = await loop.create_server(lambda: Serving(model), host, port, backlog=4096)
    await model.stopping.wait()
    server.close()
    deadline = loop.time() + LINGER_SECONDS
    while model.running or (model.connections and loop.time() < deadline):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--load-seconds", type=float, required=True)
    parser.add_argument("--record", type=Path, required=True)
    arguments = parser.parse_args()
    host, _, port = arguments.listen.rpartition(":")
    uvloop.run(serve(host, int(port), arguments.load_seconds, arguments.record))


if __name__ == "__main__":
    main()
