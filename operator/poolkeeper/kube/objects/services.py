"""A Service reduced to what decides whether activators can stand in for its pods."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import KubeFailure, NotFound
from poolkeeper.kube.transport.fields import (
    Unreadable,
    entries,
    labels,
    mapping,
    number,
    required,
    text,
    texts,
)
from poolkeeper.kube.transport.paths import namespaced_path

TLS_PORT = 443
TLS_PROTOCOLS = ("https", "grpcs", "wss", "tls", "ssl")


class ServiceUnsuitable(KubeFailure):
    """The Service does not exist, or requests to it can't be held."""


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service."""

    name: str
    """Empty where the port has none."""
    port: int
    target_port: int | str
    """The number or the name of the pods' port."""
    app_protocol: str = ""
    """For example kubernetes.io/wss; empty where the port has none."""

    @property
    def speaks_tls(self) -> bool:
        """Whether appProtocol names TLS; without an appProtocol, whether the port's name or number does.

        The word may be a part only, as in kubernetes.io/wss and https-web.
        """
        if self.app_protocol:
            return self.app_protocol.lower().rpartition("/")[2] in TLS_PROTOCOLS
        return self.port == TLS_PORT or any(part in TLS_PROTOCOLS for part in self.name.lower().split("-"))


@dataclass(frozen=True, slots=True)
class Service:
    """What is kept of a Service."""

    name: str
    families: tuple[str, ...]
    """IPv4, IPv6 or both."""
    ports: tuple[ServicePort, ...]
    is_local: bool
    """Whether clients only reach endpoints on their own node."""
    publishes_not_ready: bool
    """Whether clients also reach pods that are not ready."""
    selector: tuple[tuple[str, str], ...] = ()
    """The labels by which it selects pods, sorted."""

    def port(self, number: int) -> ServicePort:
        """The port of this number. Raises ServiceUnsuitable."""
        for port in self.ports:
            if port.port == number:
                return port
        known = ", ".join(str(port.port) for port in self.ports)
        raise ServiceUnsuitable(
            "ServicePortMissing",
            f"Service {self.name} has no TCP port {number} (it has {known or 'none'}): correct http.port.",
        )


def project_service(raw: Mapping[str, Any]) -> Service:
    """The projection of a Service's JSON. Raises Unreadable; ServiceUnsuitable where its requests can't be
    held."""
    name, spec = required(text(mapping(raw.get("metadata")).get("name"))), mapping(raw.get("spec"))
    if spec.get("type") == "ExternalName":
        raise ServiceUnsuitable(
            "ServiceExternal", f"Service {name} is of type ExternalName: name a Service with a cluster IP."
        )
    if text(spec.get("clusterIP")) in ("", "None"):
        raise ServiceUnsuitable(
            "ServiceHeadless",
            f"Service {name} is headless: its clients connect to pods directly, so their requests can't be "
            "held. Name a Service with a cluster IP.",
        )
    selector = labels(spec.get("selector"))
    if not selector:
        raise ServiceUnsuitable(
            "ServiceWithoutSelector",
            f"Service {name} has no selector, so Kubernetes does not manage its endpoints: add one.",
        )
    return Service(
        name=name,
        families=texts(spec.get("ipFamilies")) or ("IPv4",),
        ports=tuple(
            _port(each) for each in entries(spec.get("ports")) if text(each.get("protocol")) in ("", "TCP")
        ),
        is_local=spec.get("internalTrafficPolicy") == "Local",
        publishes_not_ready=bool(spec.get("publishNotReadyAddresses")),
        selector=tuple(sorted(selector.items())),
    )


def _port(raw: Mapping[str, Any]) -> ServicePort:
    port, target = required(number(raw.get("port"))), raw.get("targetPort")
    if isinstance(target, bool) or not isinstance(target, int | str | None):
        raise Unreadable("a targetPort is neither a number nor a name")
    return ServicePort(
        name=text(raw.get("name")),
        port=port,
        target_port=target or port,
        app_protocol=text(raw.get("appProtocol")),
    )


async def read_service(client: KubeClient, namespace: str, name: str) -> Service:
    """The Service as it is now. Raises ServiceUnsuitable, Unreadable, ApiError, ApiUnreachable."""
    try:
        return project_service(
            await client.request("GET", namespaced_path("v1", namespace, "services", name))
        )
    except NotFound as failure:
        message = f"Service {namespace}/{name} does not exist: create it, or correct http.service."
        raise ServiceUnsuitable("ServiceMissing", message) from failure
