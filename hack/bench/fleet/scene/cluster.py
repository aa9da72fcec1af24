"""Many pools on an API server without nodes, created at once and watched from outside."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from hack.testing.control_plane import ControlPlane
from hack.testing.kinds import create, create_class, install_kinds
from hack.testing.objects import create_deployment
from hack.testing.redis_server import LocalRedis
from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.paths import api_path, namespaced_path

CREATED_AT_A_TIME = 16
CREATE_SECONDS = 60.0
SILENCE_SECONDS = 600.0


Item = TypeVar("Item")


class Member(NamedTuple):
    """One pool; its target has the same name, and its queue is named after both."""

    namespace: str
    name: str

    @property
    def queue(self) -> str:
        """The list that it reads."""
        return f"{self.namespace}:{self.name}"


class Started(NamedTuple):
    """Monotonic times at which the last pool's status had a decision, and one from a queue that was read."""

    decided_at: float
    read_at: float


class Fleet:
    """Pools spread evenly over namespaces, all reading lists of one Redis server."""

    def __init__(
        self, api_server: ControlPlane, client: KubeClient, queue: LocalRedis, pools: int, namespaces: int
    ) -> None:
        self._api_server = api_server
        self._client = client
        self._queue = queue
        self._namespaces = [f"fleet-{number}" for number in range(min(pools, namespaces))]
        self.members = [
            Member(self._namespaces[number % len(self._namespaces)], f"pool-{number}")
            for number in range(pools)
        ]

    async def create(self) -> None:
        """Makes everything that the operator will find."""
        await install_kinds(self._client)
        await create_class(self._client, start_seconds=30)
        await _each(self._namespaces, self._create_namespace)
        await _each(self.members, self._create_member)

    def push(self, member: Member) -> None:
        """One job arrives."""
        with self._queue.client as client:
            client.rpush(member.queue, "job")

    def drain(self, member: Member) -> None:
        """All jobs of a pool are gone."""
        with self._queue.client as client:
            client.delete(member.queue)

    def connections(self) -> int:
        """How many clients Redis has besides the one that asks."""
        with self._queue.client as client:
            return int(client.info("clients")["connected_clients"]) - 1

    def requests(self) -> float:
        """How many requests the API server has answered so far."""
        lines = self._api_server.get("/metrics").splitlines()
        counts = (line for line in lines if line.startswith("apiserver_request_total{"))
        return sum(float(count.rpartition(" ")[2]) for count in counts)

    async def started(self, seconds: float) -> "Started":
        """Returns once every pool's status says what was decided from a queue that was read."""
        pools_path = api_path(API_VERSION, "acceleratorpools")
        undecided, unread = set(self.members), set(self.members)
        decided_at = 0.0
        async with asyncio.timeout(seconds):
            async for pool in _objects(self._client, pools_path):
                status = pool.get("status") or {}
                if "decision" in status and undecided:
                    undecided.discard(_member(pool))
                    decided_at = time.monotonic()
                if _is_demand_known(status):
                    unread.discard(_member(pool))
                if not undecided and not unread:
                    return Started(decided_at, time.monotonic())
        raise AssertionError(f"the watch of pools ended before {len(unread)} of them were read")

    @asynccontextmanager
    async def replicas(self) -> AsyncIterator["ReplicaWatch"]:
        """Sees every change of the targets' replicas."""
        watch = ReplicaWatch(self._client)
        task = asyncio.create_task(watch.run())
        try:
            yield watch
        finally:
            task.cancel()

    async def _create_namespace(self, name: str) -> None:
        await create(self._client, "v1", "namespaces", {"metadata": {"name": name}})

    async def _create_member(self, member: Member) -> None:
        await create_deployment(self._client, member.namespace, name=member.name)
        manifest = {
            "apiVersion": API_VERSION,
            "kind": "AcceleratorPool",
            "metadata": {"name": member.name},
            "spec": self._spec(member),
        }
        path = namespaced_path(API_VERSION, member.namespace, "acceleratorpools")
        await self._client.request("POST", path, body=manifest, timeout_seconds=CREATE_SECONDS)

    def _spec(self, member: Member) -> JsonObject:
        redis_list = {
            "address": self._queue.address,
            "list": member.queue,
            "processingList": f"{member.queue}:busy",
        }
        return {
            "targetRef": {"name": member.name},
            "accelerator": {"class": "test-cpu"},
            "replicas": {"min": 0, "max": 1},
            "coldStart": {"budgetSeconds": 1, "start": "Immediately"},
            "scaleToZero": {"mode": "Fixed", "idleSeconds": 1},
            "demand": [{"name": "jobs", "redisList": redis_list}],
        }


class ReplicaWatch:
    """Finds out when the replicas of a target were written."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._awaited: dict[tuple[Member, int], asyncio.Future[float]] = {}

    async def run(self) -> None:
        """Watches until cancelled."""
        async for target in _objects(self._client, api_path("apps/v1", "deployments")):
            seen = _member(target), int(target["spec"].get("replicas", 0))
            if seen in self._awaited:
                self._awaited.pop(seen).set_result(time.monotonic())

    async def until(self, member: Member, replicas: int, seconds: float = 60.0) -> float:
        """The monotonic time at which the next event showed that many."""
        awaited: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._awaited[member, replicas] = awaited
        async with asyncio.timeout(seconds):
            return await awaited


async def _objects(client: KubeClient, path: str) -> AsyncIterator[JsonObject]:
    """Everything there is, then everything that changes."""
    async with client.watch(path, stall_seconds=SILENCE_SECONDS) as events:
        async for event in events:
            yield event["object"]


async def _each(items: Sequence[Item], work: Callable[[Item], Awaitable[None]]) -> None:
    """Does something with all items, a few at a time."""
    remaining = iter(items)

    async def work_off() -> None:
        for item in remaining:
            await work(item)

    async with asyncio.TaskGroup() as workers:
        for _ in range(CREATED_AT_A_TIME):
            workers.create_task(work_off())


def _member(found: JsonObject) -> Member:
    return Member(found["metadata"]["namespace"], found["metadata"]["name"])


def _is_demand_known(status: JsonObject) -> bool:
    conditions = status.get("conditions") or ()
    return any(each["type"] == "DemandKnown" and each["status"] == "True" for each in conditions)
