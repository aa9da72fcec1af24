"""An API server that fails on demand, on the loopback: each request is answered by the next scripted fault,
and by a plain success once the script has run out."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

JsonObject = dict[str, Any]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    path: str
    query: dict[str, str]
    authorization: str
    body: Any


@dataclass
class FakeApi:
    """The script and the record of one fake API server; lists and watches have scripts of their own."""

    url: str = ""
    answers: deque[Answer] = field(default_factory=deque)
    lists: deque[Answer] = field(default_factory=deque)
    watches: deque[Answer] = field(default_factory=deque)
    seen: list[Seen] = field(default_factory=list)

    def requests(self, method: str, *, is_watch: bool | None = None) -> list[Seen]:
        """What arrived with this method; for GET, watches or everything else."""
        return [
            request
            for request in self.seen
            if request.method == method and is_watch in (None, "watch" in request.query)
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Notes a request and plays the next answer."""
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                request.headers.get("Authorization", ""),
                await request.json() if request.can_read_body else None,
            )
        )
        if "watch" in request.query:
            # An exhausted script leaves the watch open and silent.
            return await (self.watches.popleft() if self.watches else events())(request)
        script = self.lists if "limit" in request.query else self.answers
        return await (script.popleft() if script else answer({}))(request)


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """Any body with any status."""

    async def play(_: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return play


def refusal(status: int, reason: str, *, name: str = "", retry_after: str | None = None) -> Answer:
    """A `metav1.Status` as the API server writes it."""
    headers = {"Retry-After": retry_after} if retry_after else None
    return answer(status_object(status, reason, name), status, headers)


def status_object(code: int, reason: str, name: str = "") -> JsonObject:
    """The body of a refusal."""
    return {
        "kind": "Status",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": f"{reason} it is",
        "details": {"name": name} if name else {},
    }


def refusing(authorization: str) -> Answer:
    """Success, but not for these credentials."""

    async def play(request: web.Request) -> web.StreamResponse:
        is_refused = request.headers.get("Authorization") == authorization
        return await (refusal(401, "Unauthorized") if is_refused else answer({}))(request)

    return play


def raw(text: str, status: int = 200) -> Answer:
    """What no API server would say, but a proxy might."""

    async def play(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, content_type="text/html")

    return play


def silence() -> Answer:
    """Nothing, with the connection left open."""

    async def play(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError("nobody waits for an hour")

    return play


def reset() -> Answer:
    """A connection that breaks before there was any answer."""

    async def play(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    return play


def pod_list(pods: list[JsonObject], version: int, *, token: str = "") -> Answer:
    """One page of a list."""
    metadata = {"resourceVersion": str(version), **({"continue": token} if token else {})}
    return answer({"kind": "PodList", "metadata": metadata, "items": pods})


def events(*lines: JsonObject | str, then: str = "silence", after: asyncio.Event | None = None) -> Answer:
    """The events of a watch, once `after` is set; then silence, the end (as after its time) or a cut."""

    async def play(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        if after is not None:
            await after.wait()
        for line in lines:
            text = line if isinstance(line, str) else json.dumps(line)
            await response.write(text.encode() + b"\n")
        if then == "silence":
            await asyncio.sleep(3600)
        if then == "cut" and request.transport:
            request.transport.abort()
        return response

    return play


def event(event_type: str, pod: JsonObject) -> JsonObject:
    """One watch event."""
    return {"type": event_type, "object": pod}


def gone() -> JsonObject:
    """How a watch says that its version is too old."""
    return {"type": "ERROR", "object": status_object(410, "Expired")}


def pod(name: str, version: int, *, is_ready: bool = False, uid: str = "") -> JsonObject:
    """A pod as the API server would show it."""
    condition = {
        "type": "Ready",
        "status": "True" if is_ready else "False",
        "lastTransitionTime": "2026-01-01T00:00:30Z",
    }
    return {
        "metadata": {
            "name": name,
            "namespace": "serving",
            "uid": uid or f"uid-of-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "status": {"phase": "Running", "conditions": [condition]},
    }
