"""The pod template of a target: what its replicas ask for, read for advice and never changed."""

from dataclasses import dataclass
from typing import Any

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import ApiError


@dataclass(frozen=True, slots=True)
class Target:
    """A target as declared; a replica of it is `pods_per_replica` pods.

    `pod_template` is None for a kind that keeps it elsewhere than those known here; `generation` changes with
    every change of the declaration.
    """

    uid: str
    generation: int
    pod_template: dict[str, Any] | None
    pods_per_replica: int = 1


class TargetReader:
    """Reads targets; the caller asks again when it has a reason to."""

    def __init__(self, client: KubeClient, discovery: Discovery) -> None:
        self._client = client
        self._discovery = discovery

    async def read(self, target: TargetKey) -> Target:
        """The target now. Raises TargetFailure, ApiError, ApiUnreachable."""
        resource = await self._discovery.resolve(target.api_version, target.kind)
        try:
            found = await self._client.request("GET", resource.path(target.namespace, target.name))
        except ApiError as failure:
            raise resource.explained(failure, target, "get") from failure
        template, pods = _replica_of(found.get("spec") or {})
        return Target(
            uid=found["metadata"]["uid"],
            generation=found["metadata"].get("generation", 0),
            pod_template=template if isinstance(template, dict) and "spec" in template else None,
            pods_per_replica=pods,
        )


def _replica_of(spec: dict[str, Any]) -> tuple[object, int]:
    """The pod template, and how many pods make a replica; a LeaderWorkerSet's is a group of `size` hosts."""
    group = spec.get("leaderWorkerTemplate")
    if not isinstance(group, dict):
        return spec.get("template"), 1
    size = group.get("size")
    return group.get("workerTemplate"), size if isinstance(size, int) and size > 0 else 1
