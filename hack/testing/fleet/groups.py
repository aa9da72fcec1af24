"""A stand-in for the controller of LeaderWorkerSets.

Like the real one it makes one StatefulSet of leaders, and for each leader one StatefulSet of workers that the
leader owns; the real StatefulSet controller and garbage collector do the rest. So the group of the highest
index is removed first, a leader that goes takes its workers with it, and /scale selects leaders only.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from hack.testing.objects import patch
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.errors import ApiError, NotFound
from poolkeeper.kube.transport.paths import namespaced_path

Json = dict[str, Any]

API_VERSION = "leaderworkerset.x-k8s.io/v1"
LABELS = "leaderworkerset.sigs.k8s.io"
NAME, GROUP, WORKER = f"{LABELS}/name", f"{LABELS}/group-index", f"{LABELS}/worker-index"
SIZE, LEADER, GROUP_KEY = f"{LABELS}/size", f"{LABELS}/leader-name", f"{LABELS}/group-key"
ROUND_SECONDS = 0.2


@asynccontextmanager
async def groups_of(client: KubeClient, namespace: str) -> AsyncIterator[None]:
    """The controller at work in one namespace, during the block."""
    task = asyncio.create_task(Groups(client, namespace).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Groups:
    """Makes the groups of all LeaderWorkerSets of one namespace."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def run(self) -> None:
        """Follow them until cancelled. What another writer was quicker to change is looked at again."""
        while True:
            try:
                for found in await self._list(API_VERSION, "leaderworkersets"):
                    await self._reconcile(found)
            except ApiError:
                pass
            await asyncio.sleep(ROUND_SECONDS)

    async def _reconcile(self, lws: JsonObject) -> None:
        name, template = lws["metadata"]["name"], lws["spec"]["leaderWorkerTemplate"]
        size = int(template.get("size", 1))
        pods = await self._list("v1", "pods", f"{NAME}={name}")
        leaders = [pod for pod in pods if pod["metadata"]["labels"].get(WORKER) == "0"]
        await self._leaders(lws, template, size)
        for leader in leaders:
            await self._workers(lws, leader, template, size)
        for pod in pods:
            await self._number(pod)
            if template.get("restartPolicy") != "None" and _is_broken(pod, pods):
                await self._recreate(pod, leaders)
        await self._report(lws, leaders, pods, size)

    async def _leaders(self, lws: JsonObject, template: Mapping[str, Any], size: int) -> None:
        name, replicas = lws["metadata"]["name"], int(lws["spec"].get("replicas", 1))
        pod = copy.deepcopy(dict(template.get("leaderTemplate") or template["workerTemplate"]))
        _mark(pod, {NAME: name, WORKER: "0"}, size)
        body = _stateful_set(name, replicas, pod, {NAME: name, WORKER: "0"}, _owner(lws, API_VERSION))
        await self._apply(body, replicas)

    async def _workers(
        self, lws: JsonObject, leader: JsonObject, template: Mapping[str, Any], size: int
    ) -> None:
        if size < 2 or leader["metadata"].get("deletionTimestamp"):
            return
        name, leader_name = lws["metadata"]["name"], leader["metadata"]["name"]
        index = leader_name.rpartition("-")[2]
        labels = {NAME: name, GROUP: index, GROUP_KEY: leader["metadata"]["uid"]}
        pod = copy.deepcopy(dict(template["workerTemplate"]))
        _mark(pod, labels, size, {LEADER: leader_name})
        owner = _owner({**leader, "kind": "Pod"}, "v1")
        body = _stateful_set(leader_name, size - 1, pod, labels, owner, first=1)
        await self._apply(body, size - 1)

    async def _apply(self, body: Json, replicas: int) -> None:
        path = self._path("apps/v1", "statefulsets")
        location = f"{path}/{body['metadata']['name']}"
        try:
            found = await self._client.request("GET", location)
        except NotFound:
            await self._client.request("POST", path, body=body)
            return
        if found["spec"]["replicas"] != replicas and not found["metadata"].get("deletionTimestamp"):
            await patch(self._client, location, {"spec": {"replicas": replicas}})

    async def _number(self, pod: JsonObject) -> None:
        """The labels that the real one's webhook adds to a pod."""
        labels, index = pod["metadata"]["labels"], pod["metadata"]["name"].rpartition("-")[2]
        missing = {} if WORKER in labels else {WORKER: index}
        missing |= {} if GROUP in labels else {GROUP: index}
        if missing:
            path = self._path("v1", "pods", pod["metadata"]["name"])
            await patch(self._client, path, {"metadata": {"labels": missing}})

    async def _recreate(self, pod: JsonObject, leaders: list[JsonObject]) -> None:
        """One restart ends the whole group: its leader is deleted, and its workers with it."""
        group = pod["metadata"]["labels"].get(GROUP)
        for leader in leaders:
            name = leader["metadata"]["name"]
            if name.rpartition("-")[2] == group and not leader["metadata"].get("deletionTimestamp"):
                body = {"propagationPolicy": "Foreground"}
                await self._client.request("DELETE", self._path("v1", "pods", name), body=body)

    async def _report(
        self, lws: JsonObject, leaders: list[JsonObject], pods: list[JsonObject], size: int
    ) -> None:
        name = lws["metadata"]["name"]
        ready = sum(_is_ready_group(leader, pods, size) for leader in leaders)
        status = {
            "replicas": len(leaders),
            "readyReplicas": ready,
            "updatedReplicas": len(leaders),
            "hpaPodSelector": f"{NAME}={name},{WORKER}=0",
        }
        if any((lws.get("status") or {}).get(field) != value for field, value in status.items()):
            path = self._path(API_VERSION, "leaderworkersets", name, "status")
            await patch(self._client, path, {"status": status})

    async def _list(self, api_version: str, plural: str, selector: str = "") -> list[JsonObject]:
        query = (("labelSelector", selector),) if selector else ()
        found = await self._client.request("GET", self._path(api_version, plural), query=query)
        return list(found["items"])

    def _path(self, api_version: str, *segments: str) -> str:
        return namespaced_path(api_version, self._namespace, *segments)


def _mark(pod: Json, labels: Mapping[str, str], size: int, more: Mapping[str, str] | None = None) -> None:
    metadata = pod.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), SIZE: str(size), **(more or {})}


def _owner(owner: Mapping[str, Any], api_version: str) -> Json:
    metadata = owner["metadata"]
    return {
        "apiVersion": api_version,
        "kind": owner.get("kind", "LeaderWorkerSet"),
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _stateful_set(
    name: str, replicas: int, pod: Json, labels: Mapping[str, str], owner: Json, first: int = 0
) -> Json:
    spec: Json = {
        "replicas": replicas,
        "serviceName": name,
        "podManagementPolicy": "Parallel",
        "selector": {"matchLabels": dict(labels)},
        "ordinals": {"start": first},
        "template": pod,
    }
    metadata = {"name": name, "labels": dict(labels), "ownerReferences": [owner]}
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": spec}


def _is_broken(pod: JsonObject, pods: list[JsonObject]) -> bool:
    """Whether a container of the pod has started again, or the pod goes while its leader stays."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    if any(status.get("restartCount", 0) for status in statuses):
        return True
    labels = pod["metadata"]["labels"]
    if not pod["metadata"].get("deletionTimestamp") or labels.get(WORKER) == "0":
        return False
    return any(each["metadata"]["uid"] == labels.get(GROUP_KEY) for each in pods)


def _is_ready_group(leader: JsonObject, pods: list[JsonObject], size: int) -> bool:
    uid = leader["metadata"]["uid"]
    workers = [pod for pod in pods if pod["metadata"]["labels"].get(GROUP_KEY) == uid]
    return is_ready(leader) and sum(map(is_ready, workers)) >= size - 1


def is_ready(pod: JsonObject) -> bool:
    """Whether a pod is Ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
