"""A Service reduced to what decides whether activators can stand in for its pods."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from poolkeeper.kube.client import KubeClient
from poolkeeper.kube.errors import ApiError, KubeFailure
from poolkeeper.kube.paths import namespaced_path


class ServiceUnsuitable(KubeFailure):
    """There is no such Service, or requests to it can't be held."""


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service; `name` may be empty, `target_port` is the pods' port, or its name.

    `speaks_tls` says that the declaration calls it so, by appProtocol or name.
    """

    name: str
    port: int
    target_port: int | str
    speaks_tls: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    """`families` are IPv4, IPv6 or both. An `is_local` Service only reaches the client's own node."""

    name: str
    families: tuple[str, ...]
    ports: tuple[ServicePort, ...]
    is_local: bool

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
                speaks_tls=(port.get("appProtocol") or port.get("name")) == "https",
            )
            for port in spec.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        ),
        is_local=spec.get("internalTrafficPolicy") == "Local",
    )


async def read_service(client: KubeClient, namespace: str, name: str) -> Service:
    """The Service as it is now; raises ServiceUnsuitable, ApiError, ApiUnreachable."""
    try:
        return project_service(
            await client.request("GET", namespaced_path("v1", namespace, "services", name))
        )
    except ApiError as failure:
        if failure.status == 404:
            raise ServiceUnsuitable("ServiceMissing", f"There is no Service {namespace}/{name}.") from failure
        raise
