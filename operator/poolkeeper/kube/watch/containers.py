"""The containers of a pod, or of a pod template, as they are declared.

A native sidecar is an init container with restartPolicy Always (KEP-753): it runs for as long as its pod, may
have ports, probes and accelerators like any other container, and may be the one that serves.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from poolkeeper.kube.transport.fields import entries, mapping, number, text


class Container(NamedTuple):
    """A container that runs for as long as its pod, as the spec declares it."""

    name: str
    is_probed: bool
    """Whether its readiness says more than that its process runs: it has a readiness or a startup probe."""
    resources: tuple[str, ...]
    """Names of the resources that it requests or is limited to, sorted."""
    ports: tuple[str, ...]
    """Names and numbers of the ports that it declares."""
    image: str = ""
    has_claims: bool = False
    """Whether it uses a resource claim of its pod, by which it may hold accelerators."""
    works_as_sidecar: bool = False
    """Whether it is a native sidecar that holds devices of its node, such as accelerators, by an extended
    resource or a claim: then it may be the one that works on requests."""


def long_running(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers of a pod's spec that run for as long as the pod: the regular ones, then native sidecars.
    Raises Unreadable."""
    started_first = entries(spec.get("initContainers"))
    return [*entries(spec.get("containers")), *(each for each in started_first if _is_sidecar(each))]


def project_containers(spec: Mapping[str, Any]) -> tuple[Container, ...]:
    """The containers of the spec of a pod that run for as long as it does. Those of all pods of one template
    share one tuple. Raises Unreadable."""
    return _shared(tuple(_container(each) for each in long_running(spec)))


@lru_cache(maxsize=4096)
def _shared(containers: tuple[Container, ...]) -> tuple[Container, ...]:
    return containers


def _container(raw: Mapping[str, Any]) -> Container:
    resources = mapping(raw.get("resources"))
    asked = [mapping(resources.get(part)) for part in ("requests", "limits")]
    named = {name for part in asked for name in part}
    ports = entries(raw.get("ports"))
    names = [text(port.get("name")) for port in ports]
    numbers = [str(number(port.get("containerPort"))) for port in ports]
    has_claims = bool(entries(resources.get("claims")))
    return Container(
        name=text(raw.get("name")),
        is_probed=bool(mapping(raw.get("readinessProbe")) or mapping(raw.get("startupProbe"))),
        resources=tuple(sorted(named)),
        ports=tuple(name for name in (*names, *numbers) if name),
        image=text(raw.get("image")),
        has_claims=has_claims,
        works_as_sidecar=_is_sidecar(raw) and (has_claims or any("/" in name for name in named)),
    )


def _is_sidecar(raw: Mapping[str, Any]) -> bool:
    return raw.get("restartPolicy") == "Always"
