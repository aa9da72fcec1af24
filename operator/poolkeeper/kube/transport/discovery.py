"""Which kinds the API server serves, and which of them can be scaled."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.errors import (
    ApiError,
    KindUnknown,
    KubeFailure,
    NoScaleSubresource,
    NotFound,
    TargetForbidden,
    TargetMissing,
)
from poolkeeper.kube.transport.paths import api_path, namespaced_path

MISS_SECONDS = 10.0
"""A kind that is not served is looked up again after this time: a CRD may be installed at any time."""


class Resource(NamedTuple):
    """A kind as the API server serves it."""

    api_version: str
    kind: str
    plural: str
    """Its name in paths and in RBAC rules."""
    is_namespaced: bool
    has_scale: bool
    """Whether it has a /scale subresource."""

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str, name: str, *subresource: str) -> str:
        """The path of one object of this kind."""
        return namespaced_path(self.api_version, namespace, self.plural, name, *subresource)

    def explained(
        self, failure: ApiError, target: TargetKey, verb: str, *, subresource: str = ""
    ) -> KubeFailure:
        """The same failure with what to do about it, where it is about this target; else as it is."""
        if failure.status == 403:
            return TargetForbidden(
                f'poolkeeper may not {verb} {self.plural}{subresource} of API group "{self.group}" in '
                f'namespace {target.namespace}: add {{apiGroup: "{self.group}", '
                f"resources: [{self.plural}]}} to the chart's value targets"
            )
        if failure.status != 404:
            return failure
        if failure.object_name or not subresource:
            return TargetMissing(f"{target} does not exist: create it, or correct targetRef")
        return NoScaleSubresource(
            f"the API server no longer serves {subresource} of {self.plural} in {self.api_version}"
        )


class Discovery:
    """Finds kinds. A kind that was found is remembered; one that was not is looked up again after a while."""

    def __init__(self, client: KubeClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._served: dict[str, dict[str, Resource]] = {}
        self._fetched_at: dict[str, float] = {}
        self._fetching: dict[str, asyncio.Lock] = {}

    async def resolve(self, api_version: str, kind: str) -> Resource:
        """A namespaced kind. Raises KindUnknown, ApiError, ApiUnreachable."""
        found = await self._find(api_version, kind)
        if found is None:
            raise KindUnknown(
                f"the API server has no kind {kind} in {api_version}: correct targetRef, or install its CRD"
            )
        if not found.is_namespaced:
            raise KindUnknown(
                f"{kind} in {api_version} is not namespaced: name a namespaced kind in targetRef"
            )
        return found

    async def resolve_scalable(self, api_version: str, kind: str) -> Resource:
        """A kind with /scale. Raises KindUnknown, NoScaleSubresource, ApiError, ApiUnreachable."""
        found = await self.resolve(api_version, kind)
        if not found.has_scale:
            found = await self._refreshed(api_version, kind) or found
        if not found.has_scale:
            raise NoScaleSubresource(
                f"{kind} in {api_version} has no /scale subresource, so its replicas can't be set: "
                "name the workload that owns the replicas"
            )
        return found

    def forget(self, api_version: str) -> None:
        """Look the kinds of an API version up again at the next use, because a known path is gone."""
        self._served.pop(api_version, None)
        self._fetched_at.pop(api_version, None)

    async def _find(self, api_version: str, kind: str) -> Resource | None:
        known = self._served.get(api_version, {}).get(kind)
        return known or await self._refreshed(api_version, kind)

    async def _refreshed(self, api_version: str, kind: str) -> Resource | None:
        # After a start many pools need the same answer: one asks, the others wait for it at this lock.
        async with self._fetching.setdefault(api_version, asyncio.Lock()):
            age_seconds = self._monotonic() - self._fetched_at.get(api_version, float("-inf"))
            if age_seconds >= MISS_SECONDS:
                self._served[api_version] = await self._fetch(api_version)
                self._fetched_at[api_version] = self._monotonic()
        return self._served[api_version].get(kind)

    async def _fetch(self, api_version: str) -> dict[str, Resource]:
        try:
            return _resources(api_version, await self._client.request("GET", api_path(api_version)))
        except NotFound:
            return {}


def _resources(api_version: str, answer: JsonObject) -> dict[str, Resource]:
    served = answer.get("resources") or []
    scalable = {entry["name"].removesuffix("/scale") for entry in served if entry["name"].endswith("/scale")}
    return {
        entry["kind"]: Resource(
            api_version=api_version,
            kind=entry["kind"],
            plural=entry["name"],
            is_namespaced=bool(entry.get("namespaced")),
            has_scale=entry["name"] in scalable,
        )
        for entry in served
        if "/" not in entry["name"]
    }
