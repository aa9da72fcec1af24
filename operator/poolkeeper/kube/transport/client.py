"""One client of the API server for the whole process: raw JSON, a time limit on every call, bounded retries.

Only reads are repeated, within their time limit. A failed write is reported at once, because the lease that
allowed it may run out. (aiohttp itself repeats a PUT or DELETE on a kept-alive connection that proves dead,
as RFC 9112 allows; that also ends within the time limit, and a resourceVersion keeps it from happening
twice.)
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration

from poolkeeper.backoff import Backoff
from poolkeeper.kube.transport.connection import log_in
from poolkeeper.kube.transport.errors import (
    ApiError,
    ApiUnreachable,
    CredentialsMissing,
    KubeFailure,
    as_json_object,
    as_watch_event,
    error_from_answer,
)

JsonObject = dict[str, Any]
Query = Iterable[tuple[str, str | int]]
LogIn = Callable[[], Awaitable[Configuration]]

USER_AGENT = f"poolkeeper/{version('poolkeeper')}"
REQUEST_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 5.0
STALL_SECONDS = 75.0
"""Longest silence of a healthy watch: the API server sends a bookmark about every 60 s."""
CLOSING_SECONDS = 0.05
RENEWAL_INTERVAL_SECONDS = 10.0
"""Credentials are renewed at most this often, even if the API server keeps refusing them."""
RETRIES = Backoff(first_seconds=0.1, longest_seconds=2.0)
TRANSIENT_STATUSES = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, before credentials are added."""

    method: str
    path: str
    query: tuple[tuple[str, str | int], ...] = ()
    body: Any = None
    content_type: str = "application/json"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def location(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


class KubeClient:
    """Calls one API server as one user; renews the credentials when they are refused."""

    def __init__(
        self, configuration: Configuration, *, log_in: LogIn | None = None, backoff: Backoff = RETRIES
    ) -> None:
        self._api = _connect(configuration)
        self._retired: ApiClient | None = None
        self._log_in = log_in
        self._backoff = backoff
        self._renewal = asyncio.Lock()
        self._renewed_at = float("-inf")

    @classmethod
    async def from_environment(cls, kubeconfig: str | None = None, context: str | None = None) -> Self:
        """Uses the pod's service account, outside of a pod the kubeconfig. Raises CredentialsMissing."""

        async def log_in_again() -> Configuration:
            return await log_in(kubeconfig, context)

        return cls(await log_in_again(), log_in=log_in_again)

    @property
    def host(self) -> str:
        """URL of the API server."""
        return str(self._api.configuration.host)

    async def close(self) -> None:
        """Ends all connections, watches included."""
        await self._close_retired()
        await self._api.close()
        # aiohttp closes TLS connections in the background and needs the event loop for that.
        await asyncio.sleep(CLOSING_SECONDS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        content_type: str = "application/json",
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> JsonObject:
        """The answer to one request. The time limit covers everything: retries, a renewed login, the body.

        Raises ApiError when the API server refuses, ApiUnreachable when it does not answer.
        """
        call = Call(method, path, tuple(query), body, content_type)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                return await self._with_retries(call, deadline)
        except TimeoutError as failure:
            raise ApiUnreachable(
                "ApiTimeout", f"the API server did not answer {call} within {timeout_seconds:g} s"
            ) from failure

    @asynccontextmanager
    async def watch(
        self, path: str, *, query: Query = (), stall_seconds: float = STALL_SECONDS
    ) -> AsyncIterator[AsyncIterator[JsonObject]]:
        """An open watch: its events, bookmarks included, until the API server ends it.

        Entering and iterating raise ApiError (410: list again) or ApiUnreachable, also after `stall_seconds`
        of silence.
        """
        call = Call("GET", path, (*query, ("watch", "true")))
        limits = aiohttp.ClientTimeout(
            total=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=stall_seconds
        )
        response = await self._send(call, limits)
        try:
            yield _events(response, call)
        finally:
            response.close()

    async def _with_retries(self, call: Call, deadline: float) -> JsonObject:
        attempt = 0
        while True:
            try:
                response = await self._send(call, aiohttp.ClientTimeout(sock_connect=CONNECT_TIMEOUT_SECONDS))
                return as_json_object(await _body(response, call), str(call))
            except (ApiError, ApiUnreachable) as failure:
                delay_seconds = retry_delay_seconds(failure, attempt, self._backoff)
                if delay_seconds is None or call.method != "GET":
                    raise
                if asyncio.get_running_loop().time() + delay_seconds >= deadline:
                    raise
            attempt += 1
            await asyncio.sleep(delay_seconds)

    async def _send(self, call: Call, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        api = self._api
        try:
            return await _exchange(api, call, limits)
        except ApiError as failure:
            # A request with refused credentials had no effect: even a write may be sent again.
            if failure.status != 401 or not await self._renewed(api):
                raise
        return await _exchange(self._api, call, limits)

    async def _renewed(self, refused: ApiClient) -> bool:
        """Whether there are new credentials now, other than those that were refused."""
        async with self._renewal:
            if self._api is not refused:
                return True
            now = asyncio.get_running_loop().time()
            if self._log_in is None or now - self._renewed_at < RENEWAL_INTERVAL_SECONDS:
                return False
            self._renewed_at = now
            try:
                self._api = _connect(await self._log_in())
            except CredentialsMissing as failure:
                raise ApiUnreachable(failure.reason, failure.message) from failure
            # Other requests still use the old connections, and open watches stay valid: close at next
            # renewal.
            await self._close_retired()
            self._retired = refused
            return True

    async def _close_retired(self) -> None:
        if self._retired is not None:
            await self._retired.close()


def retry_delay_seconds(failure: KubeFailure, attempt: int, backoff: Backoff) -> float | None:
    """Seconds to wait before a failed read is repeated; None where repeating can't help."""
    if isinstance(failure, ApiUnreachable):
        return backoff.pause_seconds(attempt)
    if isinstance(failure, ApiError) and failure.status in TRANSIENT_STATUSES:
        return max(backoff.pause_seconds(attempt), failure.retry_after_seconds or 0.0)
    return None


def _connect(configuration: Configuration) -> ApiClient:
    api = ApiClient(configuration)
    api.user_agent = USER_AGENT
    return api


async def _exchange(api: ApiClient, call: Call, limits: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
    """Send a call; the body of the answer is not read yet. Raises ApiError, ApiUnreachable."""
    headers = {"Accept": "application/json", "Content-Type": call.content_type}
    try:
        # The body is left out here, since it is plain JSON already and would only be copied.
        method, url, headers, _, _ = await api.param_serialize(
            call.method, call.location, header_params=headers, auth_settings=["BearerToken"]
        )
        answer = await api.call_api(method, url, headers, call.body, _request_timeout=limits)
    except (aiohttp.ClientError, OSError) as failure:
        raise _unreachable(call, failure) from failure
    response: aiohttp.ClientResponse = answer.response
    if response.status >= 400:
        raise error_from_answer(response.status, response.headers, await _body(response, call), str(call))
    return response


async def _events(response: aiohttp.ClientResponse, call: Call) -> AsyncIterator[JsonObject]:
    try:
        async for line in response.content:
            yield as_watch_event(line, str(call))
    except (aiohttp.ClientError, OSError, ValueError) as failure:
        raise _unreachable(call, failure) from failure


async def _body(response: aiohttp.ClientResponse, call: Call) -> bytes:
    try:
        return await response.read()
    except (aiohttp.ClientError, OSError) as failure:
        raise _unreachable(call, failure) from failure


def _unreachable(call: Call, failure: Exception) -> ApiUnreachable:
    # Some of aiohttp's errors have no text of their own.
    cause = str(failure) or type(failure).__name__
    return ApiUnreachable("ApiUnreachable", f"the API server gave no answer to {call}: {cause}")
