"""Why metrics can't be read, cause by cause: each message names the address, the cause and what to do."""

import asyncio
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from hack.testing.ports import free_port
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http.engines import ENGINES, Engine
from poolkeeper.sources.http.metrics_text import Series
from poolkeeper.sources.http.scrape import ModelServers

LOOPBACK = "127.0.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def says(answer: bytes) -> Handler:
    """A server that answers whatever it receives with these bytes, and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(answer)
        writer.close()

    return handle


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that does not answer."""
    try:
        await reader.read()
    finally:
        writer.close()


def http(status: str, *headers: str, body: str = "") -> bytes:
    """An answer of HTTP."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


@asynccontextmanager
async def listening(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """The port of a server."""
    server = await asyncio.start_server(handler, LOOPBACK, 0, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def read(port: int, engines: tuple[Engine, ...] = ENGINES) -> SourceFailure:
    """Why the metrics at this port can't be read."""
    servers = ModelServers(port=port, engines=engines, timeout_seconds=0.3)
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        with pytest.raises(SourceFailure) as failure:
            await servers.read(client, [LOOPBACK])
    return failure.value


OWN = (Engine("own", waiting=(), running=(Series("busy_slots"),), activity=()),)
PLAIN = "Content-Type: text/plain"
CAUSES: list[tuple[str, Handler, tuple[Engine, ...], str, str]] = [
    (
        "silence",
        silent,
        ENGINES,
        "MetricsUnreadable",
        "gave no metrics within 0.3 s; check that no NetworkPo",
    ),
    ("closes", says(b""), ENGINES, "MetricsUnreadable", "closed the connection without an answer; does this"),
    ("alert", says(b"\x15\x03\x01\x00\x02\x02\x0a"), ENGINES, "TlsExpected", "expects TLS, and metrics are"),
    (
        "no HTTP",
        says(b"-ERR unknown command\r\n"),
        ENGINES,
        "MetricsInvalid",
        "does not answer by HTTP; name",
    ),
    ("404", says(http("404 Not Found")), ENGINES, "MetricsNotFound", "does not exist (status 404); name the"),
    ("401", says(http("401 Unauthorized")), ENGINES, "MetricsDenied", "asks for a login (status 401), and"),
    ("403", says(http("403 Forbidden")), ENGINES, "MetricsDenied", "asks for a login (status 403), and the"),
    (
        "400",
        says(http("400 Bad Request")),
        ENGINES,
        "MetricsUnreadable",
        "(status 400); does this port expect",
    ),
    (
        "302",
        says(http("302 Found", "Location: /x")),
        ENGINES,
        "MetricsUnreadable",
        "leads elsewhere (status 302)",
    ),
    ("503", says(http("503 Loading")), ENGINES, "MetricsUnreadable", "gave no metrics: status 503"),
    (
        "a page",
        says(http("200 OK", "Content-Type: text/html; charset=utf-8", body="<html>")),
        ENGINES,
        "MetricsInvalid",
        "gave text/html instead of Prometheus text; name the path of the metrics under http.metrics.path",
    ),
    (
        "JSON",
        says(http("200 OK", "Content-Type: application/json", body="{}")),
        ENGINES,
        "MetricsInvalid",
        "gave application/json instead of Prometheus text; name the path",
    ),
    (
        "no number",
        says(http("200 OK", PLAIN, body="vllm:num_requests_running many\n")),
        ENGINES,
        "MetricsInvalid",
        "the metrics can't be parsed as Prometheus text",
    ),
    (
        "no known series",
        says(http("200 OK", PLAIN, body="python_info 1\n")),
        ENGINES,
        "MetricsUnknown",
        "the metrics have no series for running requests that is known; name it under http.metrics.running",
    ),
    (
        "not the declared series",
        says(http("200 OK", PLAIN, body="vllm:num_requests_running 0\n")),
        OWN,
        "MetricsUnknown",
        "the metrics have no series busy_slots; correct http.metrics.runningSeries",
    ),
]


@pytest.mark.parametrize(
    ("handler", "engines", "reason", "text"), [row[1:] for row in CAUSES], ids=[row[0] for row in CAUSES]
)
async def test_causes(handler: Handler, engines: tuple[Engine, ...], reason: str, text: str) -> None:
    async with listening(handler) as port:
        failure = await read(port, engines)
    assert failure.reason == reason
    assert text in failure.message
    assert failure.message.startswith(f"http://{LOOPBACK}:{port}/metrics")


async def test_nothing_listens() -> None:
    failure = await read(port := free_port())
    assert failure.reason == "MetricsRefused"
    assert failure.message == (
        f"http://{LOOPBACK}:{port}/metrics refused the connection: nothing listens on this port. If the "
        "model is still loading, the container needs a readinessProbe; if its metrics have another port, "
        "name that under http.metrics.port"
    )


@pytest.fixture
def encrypted(tmp_path: Path) -> ssl.SSLContext:
    """TLS with a certificate of its own."""
    kind = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    command = f"openssl req -x509 {kind} -keyout key -out crt -subj /CN=model"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    return context


async def test_a_server_that_expects_tls(encrypted: ssl.SSLContext) -> None:
    async with listening(silent, encrypted) as port:
        failure = await read(port)
    assert re.search(r"expects? TLS", failure.message)
