"""Reads the claims of pod templates. Pools that name the same object share one read of it for a minute."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from poolkeeper.kube.objects.devices.claims import (
    MOST_CLAIMS,
    NO_CLAIMS,
    ClaimName,
    ClaimSource,
    PodClaim,
    PodClaims,
    Problem,
    declared_claims,
)
from poolkeeper.kube.objects.devices.kept import Kept
from poolkeeper.kube.objects.devices.requests import (
    DeviceRequest,
    project_claim,
    project_claim_template,
    project_extended_resource,
)
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure, NotFound
from poolkeeper.kube.transport.fields import Unreadable
from poolkeeper.kube.transport.paths import api_path, namespaced_path

GROUP = "resource.k8s.io"
VERSIONS = ("v1", "v1beta2", "v1beta1")
"""The newest first. Kubernetes serves v1 from 1.34 on, v1beta2 from 1.33, v1beta1 from 1.32."""
MOST_CLASSES = 16
"""DeviceClasses that are read for one pod template."""
DEVICE_CLASSES = "deviceclasses"
FORBIDDEN = 403


class NotServed(KubeFailure):
    """The API server serves no known version of resource.k8s.io."""


class ClaimReader:
    """Reads what claims ask for. What can't be read becomes a Problem; nothing is raised."""

    def __init__(self, client: KubeClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._version = VERSIONS[0]
        self._requests: Kept[tuple[ClaimSource, str, str], tuple[DeviceRequest, ...]] = Kept(clock)
        self._extended: Kept[str, str] = Kept(clock)

    async def read(
        self, namespace: str, template: Mapping[str, Any], also_classes: Iterable[str] = ()
    ) -> PodClaims:
        """The claims of a pod template in this namespace, with the extended resources of their DeviceClasses
        and of those in `also_classes`. Nothing is requested where there are none of both."""
        named = declared_claims(template)
        if not named and not also_classes:
            return NO_CLAIMS
        problems = [_too_many(len(named))] if len(named) > MOST_CLAIMS else []
        claims = tuple([await self._claim(namespace, each) for each in named[:MOST_CLAIMS]])
        claimed = {name for claim in claims for name in claim.device_classes}
        extended: dict[str, str] = {}
        for name in sorted({*claimed, *also_classes} - {""})[:MOST_CLASSES]:
            found = await self._extended_resource(name)
            if not isinstance(found, Problem):
                extended[name] = found
            elif name in claimed:
                problems.append(found)
        return PodClaims(claims, extended, tuple(problems))

    async def _claim(self, namespace: str, named: ClaimName) -> PodClaim:
        key = named.source, namespace, named.object_name
        try:
            return PodClaim(named, await self._requests.get(key, partial(self._read_requests, *key)))
        except NotFound:
            message = (
                f"{named}, which claim {named.name} names, does not exist: create it or correct the name"
            )
            return PodClaim(named, problem=Problem("ClaimMissing", message, is_wrong=True))
        except KubeFailure as failure:
            return PodClaim(named, problem=_unknown(failure, str(named), named.source.value, namespace))

    async def _extended_resource(self, name: str) -> str | Problem:
        try:
            return await self._extended.get(name, partial(self._read_extended, name))
        except NotFound:
            message = (
                f"DeviceClass {name} does not exist: install the driver that brings it or correct the name"
            )
            return Problem("DeviceClassMissing", message, is_wrong=True)
        except KubeFailure as failure:
            return _unknown(failure, f"DeviceClass {name}", DEVICE_CLASSES, "")

    async def _read_requests(
        self, source: ClaimSource, namespace: str, name: str
    ) -> tuple[DeviceRequest, ...]:
        raw = await self._get(lambda served: namespaced_path(served, namespace, source.value, name))
        return project_claim_template(raw) if source is ClaimSource.TEMPLATE else project_claim(raw)

    async def _read_extended(self, name: str) -> str:
        raw = await self._get(lambda served: api_path(served, DEVICE_CLASSES, name))
        return project_extended_resource(raw)

    async def _get(self, path: Callable[[str], str]) -> JsonObject:
        """The object, from the newest version that is served. Raises KubeFailure."""
        for version in sorted(VERSIONS, key=lambda each: each != self._version):
            try:
                found = await self._client.request("GET", path(f"{GROUP}/{version}"))
            except NotFound as failure:
                if not failure.object_name:
                    continue  # It is the version that is missing.
                self._version = version
                raise
            self._version = version
            return found
        raise NotServed("ClaimsNotServed", f"the API server does not serve {GROUP}")


def _too_many(claims: int) -> Problem:
    return Problem("ClaimsUnknown", f"the pod template has {claims} claims, of which {MOST_CLAIMS} are read")


def _unknown(failure: KubeFailure, what: str, plural: str, namespace: str) -> Problem:
    if isinstance(failure, ApiError) and failure.status == FORBIDDEN:
        where = f" in namespace {namespace}" if namespace else ""
        role = "Role" if namespace else "ClusterRole"
        message = f"poolkeeper may not get {plural} of {GROUP}{where}: add that rule to its {role}"
        return Problem("ClaimsForbidden", f"{message}, as the chart does")
    reason = "ClaimUnreadable" if isinstance(failure, Unreadable) else "ClaimsUnknown"
    return Problem(reason, f"{what} can't be read: {failure.message}")
