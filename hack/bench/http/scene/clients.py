"""Clients of a Service behind kube-proxy: each connection goes to one of the endpoints that the client's node
knows of. A node learns of changes by a watch, and some nodes later than others."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from poolkeeper.kube.objects.endpoint_slices import DISCOVERY
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

SERVICE_LABEL = "kubernetes.io/service-name"
ANSWERED = "answered"
RESET = "connection lost"
CUT = "answer cut off"
REFUSED = "connection refused"
NO_ENDPOINT = "no endpoint"
TIMEOUT = "no answer in time"
WRONG = "another answer than its own"
REQUEST_SECONDS = 100.0
KEPT_SECONDS = 1.0
"""How long a client keeps an idle connection; servers that stop wait longer for it than that."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a connection goes."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what became of it; instants are of the monotonic clock."""

    number: int
    began: float
    ended: float
    address: str
    outcome: str
    through_activator: bool = False
    body: str = ""


class Node:
    """What one node's kube-proxy knows, `lag_seconds` after the API server says it."""

    def __init__(self, lag_seconds: float) -> None:
        self.departures: list[tuple[str, float]] = []
        """Each address that ceased to be ready, and when this node knew."""
        self._lag_seconds = lag_seconds
        self._slices: dict[str, tuple[str, list[Endpoint], list[Endpoint]]] = {}

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event of a watch on EndpointSlices."""
        asyncio.get_running_loop().call_later(self._lag_seconds, self._apply, event)

    def pick(self, service: str) -> Endpoint | None:
        """An endpoint for a new connection: a ready one, else one that ends and still serves, else none."""
        ours = [each for each in self._slices.values() if each[0] == service]
        ready = [endpoint for _, endpoints, _ in ours for endpoint in endpoints]
        ending = [endpoint for _, _, endpoints in ours for endpoint in endpoints]
        found = ready or ending
        return random.choice(found) if found else None

    def count_of_others(self, service: str, port: int) -> int:
        """Ready endpoints that have another port than this: activators, where it is the pods'."""
        ours = [each for each in self._slices.values() if each[0] == service]
        return sum(endpoint.port != port for _, endpoints, _ in ours for endpoint in endpoints)

    def _apply(self, event: Mapping[str, Any]) -> None:
        raw = event["object"]
        name = raw["metadata"]["name"]
        _, before, _ = self._slices.pop(name, ("", [], []))
        ready: list[Endpoint] = []
        if event["type"] in ("ADDED", "MODIFIED"):
            service = raw["metadata"].get("labels", {}).get(SERVICE_LABEL, "")
            ready = _endpoints(raw, ending=False)
            self._slices[name] = (service, ready, _endpoints(raw, ending=True))
        now = time.monotonic()
        self.departures += [(each.address, now) for each in before if each not in ready]


def _endpoints(raw: Mapping[str, Any], *, ending: bool) -> list[Endpoint]:
    found = []
    for each in raw.get("endpoints") or ():
        conditions = each.get("conditions") or {}
        is_ready = conditions.get("ready", True)
        ends = conditions.get("serving", is_ready) and conditions.get("terminating", False)
        if ends if ending else is_ready:
            found += [
                Endpoint(address, port["port"])
                for address in each["addresses"]
                for port in raw["ports"] or ()
            ]
    return found


async def follow_slices(client: KubeClient, namespace: str, nodes: Sequence[Node]) -> None:
    """Tell nodes of every change until cancelled; a watch that ends is an error, as news would be missing."""
    async with client.watch(namespaced_path(DISCOVERY, namespace, "endpointslices")) as events:
        async for event in events:
            for node in nodes:
                node.hear(event)
    raise RuntimeError("the watch on EndpointSlices has ended")


@dataclass(slots=True)
class _Open:
    endpoint: Endpoint
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float
    has_begun: bool = False
    """Whether the answer's head has come."""


class Client:
    """Sends requests to one Service from one node. Nothing is ever tried again."""

    def __init__(self, node: Node, service: str, model_port: int, *, keeps: bool) -> None:
        self._node = node
        self._service = service
        self._model_port = model_port
        self._keeps = keeps
        self._idle: list[_Open] = []

    async def ask(self, number: int, *, path: str = "/v1/completions") -> Attempt:
        """One request, whatever comes of it."""
        began = time.monotonic()
        opened = self._kept()
        if opened is None:
            endpoint = self._node.pick(self._service)
            if endpoint is None:
                return Attempt(
                    number=number, began=began, ended=time.monotonic(), address="", outcome=NO_ENDPOINT
                )
            through = endpoint.port != self._model_port
            try:
                reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port)
            except OSError:
                return Attempt(
                    number=number,
                    began=began,
                    ended=time.monotonic(),
                    address=endpoint.address,
                    outcome=REFUSED,
                    through_activator=through,
                )
            opened = _Open(endpoint, reader, writer, began)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                status, body, stays = await self._exchange(opened, number, path)
            outcome = f"status {status}"
            if status == 200:
                outcome = ANSWERED if body.endswith(f" to {number}") else WRONG
        except TimeoutError:
            outcome, body, stays = TIMEOUT, "", False
        except (OSError, EOFError, ValueError):
            outcome, body, stays = CUT if opened.has_begun else RESET, "", False
        if stays and self._keeps:
            opened.used_at = time.monotonic()
            self._idle.append(opened)
        else:
            opened.writer.close()
        through = opened.endpoint.port != self._model_port
        return Attempt(
            number=number,
            began=began,
            ended=time.monotonic(),
            address=opened.endpoint.address,
            outcome=outcome,
            through_activator=through,
            body=body,
        )

    def close(self) -> None:
        """Close what is idle."""
        for each in self._idle:
            each.writer.close()
        self._idle.clear()

    def _kept(self) -> _Open | None:
        while self._idle:
            opened = self._idle.pop()
            is_old = time.monotonic() - opened.used_at > KEPT_SECONDS
            if not is_old and not opened.reader.at_eof() and not opened.writer.is_closing():
                return opened
            opened.writer.close()
        return None

    async def _exchange(self, opened: _Open, number: int, path: str) -> tuple[int, str, bool]:
        data = str(number)
        connection = "" if self._keeps else "Connection: close\r\n"
        head = f"POST {path} HTTP/1.1\r\nHost: {self._service}\r\n{connection}"
        opened.writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n{data}".encode())
        opened.has_begun = False
        lines = (await opened.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        opened.has_begun = True
        if fields.get("transfer-encoding") == "chunked":
            body = await _chunks(opened.reader)
        else:
            body = await opened.reader.readexactly(int(fields["content-length"]))
        stays = fields.get("connection", "").lower() != "close"
        return int(lines[0].split(" ")[1]), body.decode(), stays


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).strip(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
