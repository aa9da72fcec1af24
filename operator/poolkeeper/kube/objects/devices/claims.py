"""The claims of a pod template: which objects they name, and what was read of those."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from poolkeeper.kube.objects.devices.requests import DeviceRequest

MOST_CLAIMS = 32
"""Claims of one pod template that are read; what follows them makes the size unknown."""


class ClaimSource(StrEnum):
    """The kinds that a pod's claim may name, as paths and RBAC rules call them."""

    TEMPLATE = "resourceclaimtemplates"
    CLAIM = "resourceclaims"


class ClaimName(NamedTuple):
    """What a pod template says about one claim."""

    name: str
    """Its name within the pod, which containers refer to."""
    source: ClaimSource
    """TEMPLATE: each pod gets a claim of its own. CLAIM: all pods of all replicas share that one claim."""
    object_name: str

    def __str__(self) -> str:
        kind = "ResourceClaimTemplate" if self.source is ClaimSource.TEMPLATE else "ResourceClaim"
        return f"{kind} {self.object_name}"


class Problem(NamedTuple):
    """Why what a claim asks for is not known."""

    reason: str
    """A CamelCase word for the condition."""
    message: str
    is_wrong: bool = False
    """Whether the pods can't start like that; else it is only not known."""


@dataclass(frozen=True, slots=True)
class PodClaim:
    """One claim of a pod template, with what was read of it."""

    named: ClaimName
    requests: tuple[DeviceRequest, ...] = ()
    problem: Problem | None = None

    @property
    def is_shared(self) -> bool:
        """Whether all pods of all replicas hold the same devices by it."""
        return self.named.source is ClaimSource.CLAIM

    @property
    def device_classes(self) -> frozenset[str]:
        """Names of the DeviceClasses that it asks for."""
        return frozenset(choice.device_class for request in self.requests for choice in request.choices)


@dataclass(frozen=True, slots=True)
class PodClaims:
    """All claims of a pod template."""

    claims: tuple[PodClaim, ...] = ()
    extended: Mapping[str, str] = field(default_factory=dict)
    """The extended resource of each DeviceClass that was read; empty text where it has none."""
    problems: tuple[Problem, ...] = ()
    """What is not known of the claims as a whole, such as their DeviceClasses."""

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Everything because of which the claims are not known in full."""
        return (*(claim.problem for claim in self.claims if claim.problem), *self.problems)


NO_CLAIMS = PodClaims()


def declared_claims(template: Mapping[str, Any]) -> tuple[ClaimName, ...]:
    """The claims that a pod template names; what is no claim is left out. Never raises."""
    spec = template.get("spec")
    listed = spec.get("resourceClaims") if isinstance(spec, dict) else None
    found = (_declared(raw) for raw in listed or ()) if isinstance(listed, list) else ()
    return tuple(claim for claim in found if claim)


def _declared(raw: object) -> ClaimName | None:
    if not isinstance(raw, dict):
        return None
    for key, source in (
        ("resourceClaimTemplateName", ClaimSource.TEMPLATE),
        ("resourceClaimName", ClaimSource.CLAIM),
    ):
        object_name, name = raw.get(key), raw.get("name")
        if isinstance(object_name, str) and object_name and isinstance(name, str):
            return ClaimName(name, source, object_name)
    return None
