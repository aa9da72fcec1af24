"""An API server in memory, as far as the controller asks one: /scale, Deployments, status, leases, events.

It stands in for `KubeClient`. Every request takes a moment, as over a network: what happens meanwhile is seen
by the next one. What is not known here is answered with 404 and remembered in `unknown`.
"""

import asyncio
import copy
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from hack.bench.queue.scene.workload import OPERATOR
from hack.bench.queue.scene.world_time import WorldTime
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.kube.transport.client import JsonObject, Query
from poolkeeper.kube.transport.errors import ApiError, NotFound

REQUEST_SECONDS = 0.02
SCALABLE = ("deployments", "statefulsets", "replicasets")


class Deployment:
    """A Deployment and its writers. `scaled` is called with each new number of replicas and its writer."""

    def __init__(
        self,
        namespace: str,
        container: Mapping[str, Any],
        time: WorldTime,
        scaled: Callable[[int, str], None],
    ) -> None:
        self._time, self._scaled = time, scaled
        self._version = 1
        self._writers: dict[str, dict[str, Any]] = {}
        self._replicas = 0
        labels = {"app": "worker"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [dict(container)]}}
        self._spec = {"selector": {"matchLabels": labels}, "template": template}
        self._name = {"name": "worker", "namespace": namespace, "uid": f"uid-{namespace}"}

    @property
    def replicas(self) -> int:
        """The number that was written last."""
        return self._replicas

    def write(
        self, replicas: int, writer: str, operation: str = "Update", subresource: str = "scale"
    ) -> None:
        """Set the replicas. Who changes a field owns it, and with operation Apply others may own it too."""
        if replicas == self._replicas and writer in self._writers:
            return
        self._version += 1
        if replicas != self._replicas:
            self._writers.clear()
        self._writers[writer] = {
            "manager": writer,
            "operation": operation,
            "apiVersion": "apps/v1",
            "time": format_timestamp(self._time()),
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:replicas": {}}},
            **({"subresource": subresource} if subresource else {}),
        }
        if replicas != self._replicas:
            self._replicas = replicas
            self._scaled(replicas, writer)

    def to_json(self) -> JsonObject:
        """The Deployment."""
        metadata = {**self._metadata(), "generation": self._version}
        metadata["managedFields"] = list(self._writers.values())
        spec = {**self._spec, "replicas": self._replicas}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": spec,
            "status": {},
        }

    def scale(self) -> JsonObject:
        """Its /scale."""
        status = {"replicas": self._replicas, "selector": "app=worker"}
        return {"metadata": self._metadata(), "spec": {"replicas": self._replicas}, "status": status}

    def replace_scale(self, body: Mapping[str, Any], writer: str) -> JsonObject:
        """PUT of /scale. Raises ApiError where it was changed since it was read."""
        if body["metadata"]["resourceVersion"] != str(self._version):
            raise ApiError(409, "Conflict", "the object has been modified")
        self.write(body["spec"]["replicas"], writer)
        return self.scale()

    def _metadata(self) -> JsonObject:
        return {**self._name, "resourceVersion": str(self._version)}


class MemoryApi:
    """All objects of a world. `status_written` is called with the key of a pool whose status is new."""

    def __init__(self, time: WorldTime) -> None:
        self.deployments: dict[str, Deployment] = {}
        self.pools: dict[str, JsonObject] = {}
        """Pools by namespace."""
        self.status_written: Callable[[str], None] = lambda _: None
        self.unknown: Counter[str] = Counter()
        self._time = time
        self._lease: JsonObject | None = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query = (),
        body: Any = None,
        content_type: str = "",
        timeout_seconds: float = 0.0,
    ) -> JsonObject:
        """The answer to one request, as `KubeClient.request`. Raises ApiError."""
        await asyncio.sleep(REQUEST_SECONDS / 2)
        answer = self._answer(method, path, dict(query), body)
        await asyncio.sleep(REQUEST_SECONDS / 2)
        return answer

    def _answer(self, method: str, path: str, query: Mapping[str, Any], body: Any) -> JsonObject:
        before, _, after = path.partition("/namespaces/")
        if not after:
            return self._kinds(before)
        namespace, plural, *rest = after.split("/")
        if plural in SCALABLE and rest[:1] == ["worker"]:
            writer = str(query.get("fieldManager", OPERATOR))
            return self._of_deployment(self.deployments[namespace], method, rest[1:], body, writer)
        if plural == "acceleratorpools":
            return self._write_status(namespace, body)
        if plural == "leases":
            return self._of_lease(method, body)
        if plural == "events":
            return {} if method != "GET" else {"items": []}
        if plural in ("horizontalpodautoscalers", "replicasets", "pods", "resourcequotas"):
            return {"items": []}
        raise self._missing(f"{method} {path}")

    def _kinds(self, path: str) -> JsonObject:
        if path != "/apis/apps/v1":
            raise self._missing(path)
        names = [name for plural in SCALABLE for name in (plural, f"{plural}/scale")]
        kinds = {"deployments": "Deployment", "statefulsets": "StatefulSet", "replicasets": "ReplicaSet"}
        return {
            "resources": [
                {"name": name, "kind": kinds.get(name, "Scale"), "namespaced": True} for name in names
            ]
        }

    @staticmethod
    def _of_deployment(
        deployment: Deployment, method: str, subresource: list[str], body: Any, writer: str
    ) -> JsonObject:
        if subresource != ["scale"]:
            return deployment.to_json()
        return deployment.scale() if method == "GET" else deployment.replace_scale(body, writer)

    def _write_status(self, namespace: str, patch: list[Mapping[str, Any]]) -> JsonObject:
        status = next(each["value"] for each in patch if each["path"] == "/status")
        self.pools[namespace]["status"] = copy.deepcopy(status)
        self.status_written(namespace)
        return {}

    def _of_lease(self, method: str, body: Any) -> JsonObject:
        if method == "GET":
            if self._lease is None:
                raise NotFound(404, "NotFound", "no lease")
            return copy.deepcopy(self._lease)
        version = int(self._lease["metadata"]["resourceVersion"]) if self._lease else 0
        if self._lease and body["metadata"].get("resourceVersion") != str(version):
            raise ApiError(409, "Conflict", "the object has been modified")
        self._lease = copy.deepcopy(body)
        self._lease["metadata"]["resourceVersion"] = str(version + 1)
        return copy.deepcopy(self._lease)

    def _missing(self, what: str) -> NotFound:
        if "keda.sh" not in what:
            self.unknown[what] += 1
        return NotFound(404, "NotFound", f"{what} is not known here")
