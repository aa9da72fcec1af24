"""A Service reduced to what decides whether activators can stand in for its pods."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.transport.paths import namespaced_path

TLS_PORT = 443
TLS_PROTOCOLS = ("https", "grpcs", "wss", "tls", "ssl")


class ServiceUnsuitable(KubeFailure):
    """There is no such Service, or requests to it can't be held."""


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service; `name` and `app_protocol` may be empty, `target_port` is the pods' port, or its
    name.
    """

    name: str
    port: int
    target_port: int | str
    app_protocol: str = ""

    @property
    def speaks_tls(self) -> bool:
        """Whether appProtocol says so, where there is any, else the name or the number.

        Both occur with more around it, as in kubernetes.io/wss and https-web.
        """
        if self.app_protocol:
            return self.app_protocol.lower().rpartition("/")[2] in TLS_PROTOCOLS
        return self.port == TLS_PORT or any(part in TLS_PROTOCOLS for part in self.name.lower().split("-"))


@dataclass(frozen=True, slots=True)
class Service:
    """`families` are IPv4, IPv6 or both. An `is_local` Service only reaches the client's own node; one that
    `publishes_not_ready` pods leads clients to those that still load.
    """

    name: str
    families: tuple[str, ...]
    ports: tuple[ServicePort, ...]
    is_local: bool
    publishes_not_ready: bool

    def port(self, number: int) -> ServicePort:
        """The port of this number; raises ServiceUnsuitable."""
        for port in self.ports:
            if port.port == number:
                return port
        known = ", ".join(str(port.port) for port in self.ports)
        raise ServiceUnsuitable(
            "ServicePortMissing", f"Service {self.name} has no TCP port {number}; it has {known or 'none'}."
        )


def project_service(raw: Mapping[str, Any]) -> Service:
    """The projection of a Service's JSON; raises ServiceUnsuitable where nothing can be held."""
    name, spec = raw["metadata"]["name"], raw["spec"]
    if spec.get("type") == "ExternalName":
        raise ServiceUnsuitable(
            "ServiceExternal", f"Service {name} is only a name for something outside of the cluster."
        )
    if spec.get("clusterIP") in (None, "", "None"):
        raise ServiceUnsuitable(
            "ServiceHeadless",
            f"Service {name} is headless: its clients connect to pods by themselves, so nothing can be held "
            "for them. Name a Service with a cluster IP.",
        )
    if not spec.get("selector"):
        raise ServiceUnsuitable(
            "ServiceWithoutSelector", f"Service {name} has no selector, so its endpoints are somebody else's."
        )
    return Service(
        name=name,
        families=tuple(spec.get("ipFamilies") or ("IPv4",)),
        ports=tuple(
            ServicePort(
                name=port.get("name") or "",
                port=port["port"],
                target_port=port.get("targetPort") or port["port"],
                app_protocol=port.get("appProtocol") or "",
            )
            for port in spec.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        ),
        is_local=spec.get("internalTrafficPolicy") == "Local",
        publishes_not_ready=bool(spec.get("publishNotReadyAddresses")),
    )


async def read_service(client: KubeClient, namespace: str, name: str) -> Service:
    """The Service as it is now; raises ServiceUnsuitable, ApiError, ApiUnreachable."""
    try:
        return project_service(
            await client.request("GET", namespaced_path("v1", namespace, "services", name))
        )
    except ApiError as failure:
        if failure.status == 404:
            message = f"There is no Service {namespace}/{name}."
            raise ServiceUnsuitable("ServiceMissing", message) from failure
        raise
