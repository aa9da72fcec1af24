"""What stands for the API server, activators and model servers in tests of HTTP pools."""

import asyncio
from collections.abc import Callable, Container, Iterable
from pathlib import Path
from typing import Any

import aiohttp

from poolkeeper.api.activation import PoolReport, PoolRoute, Report, RoutingTable, WaitingRequests
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.transport.errors import ApiError, NotFound
from poolkeeper.kube.watch.pod import Pod
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.http.scrape import PoolLoad


class NoQueues:
    """No pool has a queue."""

    def assign(self, pool: PoolKey, sources: object) -> None:
        """There are none to read."""

    def forget(self, pool: PoolKey) -> None:
        """None was read."""


class Api:
    """The API server, as far as it is asked."""

    def __init__(self) -> None:
        self.serves_pools = True
        self.answers_for_services = asyncio.Event()
        self.answers_for_services.set()
        self.answers_for_slices = asyncio.Event()
        self.answers_for_slices.set()
        self.pools: dict[str, dict[str, Any]] = {}
        self.slices: dict[str, dict[str, Any]] = {}
        self.services: dict[str, dict[str, Any]] = {}
        self.activators: list[dict[str, Any]] = []
        self.policies: list[dict[str, Any]] = []
        self.hides_policies = self.hides_slices = False
        self.slices_refused = 0
        self.policies_read = 0
        self.written: list[tuple[str, str]] = []
        self.makes_endpoints = True
        self.ready_uids: Callable[[], list[str]] = list

    async def request(
        self, method: str, path: str, *, body: Any = None, query: Any = (), **_unused: Any
    ) -> dict[str, Any]:
        """One request, answered at once."""
        await asyncio.sleep(0)
        _, _, inside = path.partition("/ns/")
        plural, _, name = (inside or path.rpartition("/")[2]).partition("/")
        if plural == "endpointslices" and "!=" in dict(query).get("labelSelector", ""):
            ready = self.ready_uids() if self.makes_endpoints else []
            return {"items": [{"endpoints": [{"targetRef": {"uid": uid}} for uid in ready]}]}
        if plural == "endpointslices":
            return await self._slices(method, name, body)
        if plural == "services":
            await self.answers_for_services.wait()
            if name not in self.services:
                raise NotFound(404, "NotFound", "no such Service")
            return self.services[name]
        if plural == "acceleratorpools" and not self.serves_pools:
            raise NotFound(404, "NotFound", "the server could not find the requested resource")
        if plural == "networkpolicies":
            self.policies_read += 1
            if self.hides_policies:
                raise ApiError(403, "Forbidden", "may not list networkpolicies")
            return {"items": self.policies}
        if plural == "ns":
            return {"metadata": {"name": "ns", "labels": {"kubernetes.io/metadata.name": "ns"}}}
        if plural == "pods":
            return {"items": self.activators}
        assert plural == "acceleratorpools", path
        return {"items": list(self.pools.values())}

    async def _slices(self, method: str, name: str, body: Any) -> dict[str, Any]:
        if self.hides_slices:
            self.slices_refused += 1
            raise ApiError(403, "Forbidden", "may not list endpointslices")
        # A list is of the instant at which it was asked for, however late it comes.
        listed = {"items": list(self.slices.values())}
        await self.answers_for_slices.wait()
        return listed if method == "GET" else self._write(method, name, body)

    def _write(self, method: str, name: str, body: Any) -> dict[str, Any]:
        self.written.append((method, name))
        if method == "DELETE":
            if self.slices.pop(name, None) is None:
                raise NotFound(404, "NotFound", "no such slice")
        else:
            self.slices[name] = body
        return {}


class Link:
    """An activator that takes tables as `send_mode` says, and reports what the test put into it."""

    def __init__(self, address: str, port: int, token_file: Path, heard: Any) -> None:
        self.address, self.heard = address, heard
        self.spoke_lately = True
        self.send_mode = "take"
        self.attempts = 0
        self.tables: list[RoutingTable] = []
        self.process = f"{address}/1"
        self.table_version = 0
        self.pools: dict[PoolKey, PoolReport] = {}
        self.is_silent = False

    @property
    def report(self) -> Report | None:
        if self.is_silent:
            return None
        if self._report is None:
            self._report = Report(
                activator=self.process, table_version=self.table_version, pools=tuple(self.pools.values())
            )
        return self._report

    _report: Report | None = None

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def send(self, table: RoutingTable) -> bool:
        self.attempts += 1
        await asyncio.sleep(0)
        if self.send_mode == "freeze":
            await asyncio.Event().wait()
        if self.send_mode == "fail" or table.table_version < self.table_version:
            return False
        self.tables.append(table)
        if self.send_mode == "take":
            self.says(table_version=table.table_version)
        return True

    def says(self, *, table_version: int | None = None, pool: PoolReport | None = None) -> None:
        """It reports this from now on."""
        self.table_version = self.table_version if table_version is None else table_version
        if pool is not None:
            self.pools[PoolKey(pool.namespace, pool.name)] = pool
        self._report = None
        self.heard()

    def route(self, name: str = "chat") -> PoolRoute | None:
        """What the table that it took last says about a pool."""
        routes = self.tables[-1].pools if self.tables else ()
        return next((route for route in routes if route.name == name), None)


class Servers:
    """The model servers of all pools: idle until the test says otherwise."""

    def __init__(self) -> None:
        self.load = PoolLoad(0, {}, False)
        self.problem: SourceFailure | None = None
        self.asked: tuple[str, ...] = ()
        self.began = 0

    async def read(
        self,
        client: aiohttp.ClientSession,
        addresses: Iterable[str],
        loading: Container[str] = (),
        fallen: Iterable[str] = (),
    ) -> PoolLoad:
        self.asked = (*addresses, *fallen)
        self.began += 1
        await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        return self.load


def ready_pod(address: str) -> Pod:
    """A ready pod of a target."""
    return Pod(
        uid=address,
        name=address,
        namespace="ns",
        labels={},
        created_at=0.0,
        scheduled_at=0.0,
        started_at=0.0,
        ready_at=0.0,
        is_ready=True,
        is_terminating=False,
        is_finished=False,
        failure="",
        addresses=(address,),
        controller=("ReplicaSet", "chat-1"),
    )


def holding(*, requests: int = 0, in_flight: int = 0, at: str = "10.1.0.1", completed: int = 0) -> PoolReport:
    """A report about the pool `chat`."""
    return PoolReport(
        namespace="ns",
        name="chat",
        waiting=(WaitingRequests(age_seconds=1.0, requests=requests),) if requests else (),
        in_flight=in_flight,
        at_replicas={at: in_flight} if in_flight else {},
        arrived=requests + in_flight + completed,
        completed=completed,
    )
