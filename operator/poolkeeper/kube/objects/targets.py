"""The pod template of a target: read to advise on it, never changed."""

from dataclasses import dataclass
from typing import Any

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import ApiError


@dataclass(frozen=True, slots=True)
class Target:
    """A target as declared."""

    uid: str
    generation: int
    """Changes with every change of the spec."""
    pod_template: dict[str, Any] | None
    """None for a kind that keeps it in a field not known here."""


class TargetReader:
    """Reads targets; keeps nothing."""

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
        template = _template_of(found.get("spec") or {})
        return Target(
            uid=found["metadata"]["uid"],
            generation=found["metadata"].get("generation", 0),
            pod_template=template if isinstance(template, dict) and "spec" in template else None,
        )


def _template_of(spec: dict[str, Any]) -> object:
    """The pod template; a LeaderWorkerSet keeps it beside the size of its groups."""
    group = spec.get("leaderWorkerTemplate")
    return group.get("workerTemplate") if isinstance(group, dict) else spec.get("template")
