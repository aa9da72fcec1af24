"""Which container of a pod serves the requests, and whether it says when it is ready to."""

from functools import lru_cache
from typing import NamedTuple

from poolkeeper.advice.placement.units import OF_DEVICE_CLASS
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.demand import DemandSource
from poolkeeper.kube.watch.containers import Container


class Serving(NamedTuple):
    """What the container that serves is known by, the surest first."""

    resources: tuple[str, ...] = ()
    """Names of the accelerator resources, of which it requests one; a `*` at the end matches any ending."""
    ports: tuple[str, ...] = ()
    """Names or numbers of the port that requests are sent to."""
    may_claim: bool = False
    """Whether it may hold the accelerator by a resource claim instead."""


def serving(
    accelerator: AcceleratorClassSpec | None,
    sources: tuple[DemandSource, ...],
    pods_port: int | None = None,
) -> Serving:
    """What the container is known by in a pool of this class, with these sources.

    `pods_port` is where the pool's Service leads to, once that was read; until then its own port counts.
    """
    ports = tuple(str(pods_port or source.http.port) for source in sources if source.http)
    if accelerator is None:
        return Serving((), ports)
    first = (accelerator.resource_name,) if accelerator.resource_name else ()
    by_device_class = (OF_DEVICE_CLASS + name for name in accelerator.device_class_names)
    resources = (*first, *accelerator.other_resource_names, *by_device_class)
    return Serving(resources, ports, may_claim=bool(accelerator.device_class_names))


@lru_cache(maxsize=4096)
def serving_container(containers: tuple[Container, ...], serving: Serving) -> Container | None:
    """The container that requests the accelerator, else one that may have claimed it, else the one that has
    the port, else the first; None where none is known."""
    for container in containers:
        if any(_matches(name, wanted) for name in container.resources for wanted in serving.resources):
            return container
    for container in containers:
        if serving.may_claim and container.has_claims:
            return container
    for container in containers:
        if any(port in serving.ports for port in container.ports):
            return container
    return containers[0] if containers else None


def is_probed(containers: tuple[Container, ...], serving: Serving) -> bool:
    """Whether Ready says that the pod serves; also where its containers aren't known."""
    container = serving_container(containers, serving)
    return container is None or container.is_probed


def _matches(name: str, wanted: str) -> bool:
    return name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted
