"""The Lease that says which replica of the operator may write (coordination.k8s.io/v1)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from poolkeeper.api.timestamps import format_micro_time
from poolkeeper.core.lease import LeaseRecord
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.errors import NotFound
from poolkeeper.kube.transport.fields import mapping, number, required, text
from poolkeeper.kube.transport.paths import namespaced_path

API_VERSION = "coordination.k8s.io/v1"


class StoredLease(NamedTuple):
    """The content of a Lease, and the resourceVersion that the next write must name."""

    record: LeaseRecord
    version: str


class LeaseClient:
    """Reads and writes one Lease; every request ends within the caller's time limit.

    `clock` (Unix seconds) only fills in timestamps for people; no decision depends on them.
    """

    def __init__(self, client: KubeClient, namespace: str, name: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._clock = clock
        self._last: JsonObject = {}

    async def read(self, *, timeout_seconds: float) -> StoredLease | None:
        """The Lease, or None where there is none. Raises ApiError, ApiUnreachable."""
        try:
            lease = await self._client.request("GET", self._path(self._name), timeout_seconds=timeout_seconds)
        except NotFound:
            self._last = {}
            return None
        return self._stored(lease)

    async def write(self, record: LeaseRecord, version: str | None, *, timeout_seconds: float) -> StoredLease:
        """Replace this version of the Lease, or create it where `version` is None; never repeated.

        Raises ApiError (status 409: another replica was faster), ApiUnreachable (the write may have
        happened).
        """
        metadata = dict(mapping(self._last.get("metadata"))) if version else {}
        metadata.update(name=self._name, namespace=self._namespace)
        if version:
            metadata["resourceVersion"] = version
        lease = {
            "apiVersion": API_VERSION,
            "kind": "Lease",
            "metadata": metadata,
            "spec": self._spec(record),
        }
        method, path = ("PUT", self._path(self._name)) if version else ("POST", self._path())
        written = await self._client.request(method, path, body=lease, timeout_seconds=timeout_seconds)
        return self._stored(written)

    def _spec(self, record: LeaseRecord) -> JsonObject:
        now = format_micro_time(self._clock())
        last = mapping(self._last.get("spec"))
        is_renewal = last.get("holderIdentity") == record.holder and "acquireTime" in last
        return {
            "holderIdentity": record.holder,
            "leaseDurationSeconds": record.duration_seconds,
            "leaseTransitions": record.transitions,
            "acquireTime": last["acquireTime"] if is_renewal else now,
            "renewTime": now,
        }

    def _stored(self, lease: JsonObject) -> StoredLease:
        stored = project_lease(lease)
        self._last = lease
        return stored

    def _path(self, *name: str) -> str:
        return namespaced_path(API_VERSION, self._namespace, "leases", *name)


def project_lease(raw: Mapping[str, Any]) -> StoredLease:
    """The projection of a Lease's JSON. Raises Unreadable."""
    spec = mapping(raw.get("spec"))
    record = LeaseRecord(
        holder=text(spec.get("holderIdentity")),
        duration_seconds=number(spec.get("leaseDurationSeconds")),
        transitions=number(spec.get("leaseTransitions")),
        renewal=text(spec.get("renewTime")),
    )
    return StoredLease(record, required(text(mapping(raw.get("metadata")).get("resourceVersion"))))
