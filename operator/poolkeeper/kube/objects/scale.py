"""The replicas of a target, read and written through its /scale subresource."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.managed_fields import FIELD_MANAGER
from poolkeeper.kube.transport.client import REQUEST_TIMEOUT_SECONDS, JsonObject, KubeClient
from poolkeeper.kube.transport.discovery import Discovery, Resource
from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable, KubeFailure, ScaleConflict
from poolkeeper.kube.transport.fields import mapping, number, required, text


@dataclass(frozen=True, slots=True)
class Scale:
    """A target's replicas as /scale shows them."""

    replicas: int
    """The number in the target's spec, in replicas of `step` pods."""
    current_replicas: int
    """How many pods the target's controller counts, ready or not."""
    selector: str
    """The label selector of the pods; empty where the kind does not report one."""
    resource_version: str
    """A write that names it fails if the object was changed since."""
    uid: str
    """A write that names it fails if the object was replaced since."""
    step: int = 1
    """How many of what the target counts are one replica: more than 1 where pods are ranks of one server."""
    lacking: int = 0
    """How many pods the last replica lacks, where the target's number is no multiple of the step."""

    @property
    def pods(self) -> int:
        """The number in the target's spec as the target counts."""
        return self.replicas * self.step - self.lacking

    @property
    def in_pods(self) -> str:
        """The same in words, in brackets, where the target counts otherwise; empty where it does not."""
        return f" ({'1 pod' if self.pods == 1 else f'{self.pods} pods'})" if self.step > 1 else ""

    def in_steps(self, step: int) -> "Scale":
        """The same with `step` pods as one replica. A part of one counts as one, so that rounding lowers
        nothing. Example: 3 pods with a step of 2 are 2 replicas, and 1 pod is lacking."""
        replicas = -(-self.pods // step)
        return replace(
            self,
            replicas=replicas,
            current_replicas=-(-self.current_replicas // step),
            step=step,
            lacking=replicas * step - self.pods,
        )


class ScaleClient:
    """Reads and writes /scale of any kind that has it."""

    def __init__(self, client: KubeClient, discovery: Discovery) -> None:
        self._client = client
        self._discovery = discovery

    async def read(self, target: TargetKey, *, timeout_seconds: float = REQUEST_TIMEOUT_SECONDS) -> Scale:
        """The target's replicas now. Raises TargetFailure, ApiError, ApiUnreachable."""
        return await self._exchange(target, "GET", None, timeout_seconds)

    async def write(
        self,
        target: TargetKey,
        scale: Scale,
        replicas: int,
        *,
        timeout_seconds: float = REQUEST_TIMEOUT_SECONDS,
    ) -> Scale:
        """Set the replicas of the object that `scale` was read from, in its steps, unless it was changed
        since.

        Never repeated: after ApiUnreachable the write may or may not have happened. Raises ScaleConflict and
        other TargetFailures, ApiError, ApiUnreachable.
        """
        body = {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {
                "name": target.name,
                "namespace": target.namespace,
                "resourceVersion": scale.resource_version,
                "uid": scale.uid,
            },
            "spec": {"replicas": replicas * scale.step},
        }
        written = await self._exchange(target, "PUT", body, timeout_seconds)
        return written if scale.step == 1 else written.in_steps(scale.step)

    async def _exchange(
        self, target: TargetKey, method: str, body: JsonObject | None, timeout_seconds: float
    ) -> Scale:
        try:
            # Discovery counts too: after this limit no write may begin, since the lease may have run out.
            async with asyncio.timeout(timeout_seconds):
                resource = await self._discovery.resolve_scalable(target.api_version, target.kind)
                path = resource.path(target.namespace, target.name, "scale")
                try:
                    query = (("fieldManager", FIELD_MANAGER),) if body else ()
                    answer = await self._client.request(
                        method, path, query=query, body=body, timeout_seconds=timeout_seconds
                    )
                except ApiError as failure:
                    raise self._explained(failure, target, method, resource) from failure
                return project_scale(answer)
        except TimeoutError as failure:
            raise ApiUnreachable(
                "ApiTimeout", f"{method} of the scale of {target} took longer than {timeout_seconds:g} s"
            ) from failure

    def _explained(
        self, failure: ApiError, target: TargetKey, method: str, resource: Resource
    ) -> KubeFailure:
        if failure.status == 409:
            return ScaleConflict(
                f"{target} was changed or replaced since it was read: {failure.message}; it is read again"
            )
        if failure.status == 404 and not failure.object_name:
            self._discovery.forget(target.api_version)
        verb = "get" if method == "GET" else "update"
        return resource.explained(failure, target, verb, subresource="/scale")


def project_scale(raw: Mapping[str, Any]) -> Scale:
    """The projection of the JSON of /scale. Raises Unreadable."""
    metadata, status = mapping(raw.get("metadata")), mapping(raw.get("status"))
    return Scale(
        # The API server leaves a zero out of the JSON.
        replicas=number(mapping(raw.get("spec")).get("replicas")),
        current_replicas=number(status.get("replicas")),
        selector=text(status.get("selector")),
        resource_version=required(text(metadata.get("resourceVersion"))),
        uid=required(text(metadata.get("uid"))),
    )
