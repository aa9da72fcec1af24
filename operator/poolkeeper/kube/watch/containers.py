"""The containers of a pod, or of a pod template, as they are declared."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from poolkeeper.kube.transport.fields import entries, mapping, number, text


class Container(NamedTuple):
    """A regular container of a pod, as its spec declares it."""

    name: str
    is_probed: bool
    """Whether its readiness says more than that its process runs: it has a readiness or a startup probe."""
    resources: tuple[str, ...]
    """Names of the resources that it requests or is limited to, sorted."""
    ports: tuple[str, ...]
    """Names and numbers of the ports that it declares."""
    image: str = ""


def project_containers(spec: Mapping[str, Any]) -> tuple[Container, ...]:
    """The regular containers of the spec of a pod. Those of all pods of one template share one tuple. Raises
    Unreadable."""
    return _shared(tuple(_container(each) for each in entries(spec.get("containers"))))


@lru_cache(maxsize=4096)
def _shared(containers: tuple[Container, ...]) -> tuple[Container, ...]:
    return containers


def _container(raw: Mapping[str, Any]) -> Container:
    resources = mapping(raw.get("resources"))
    amounts = (mapping(resources.get(part)) for part in ("requests", "limits"))
    ports = entries(raw.get("ports"))
    names = [text(port.get("name")) for port in ports]
    numbers = [str(number(port.get("containerPort"))) for port in ports]
    return Container(
        name=text(raw.get("name")),
        is_probed=bool(mapping(raw.get("readinessProbe")) or mapping(raw.get("startupProbe"))),
        resources=tuple(sorted({name for part in amounts for name in part})),
        ports=tuple(name for name in (*names, *numbers) if name),
        image=text(raw.get("image")),
    )
