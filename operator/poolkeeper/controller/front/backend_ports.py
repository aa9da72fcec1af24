"""Which port of the pods a Service's port leads to, also while there are no pods to look at."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from poolkeeper.advice.service import service_advice
from poolkeeper.api.demand import Http
from poolkeeper.controller.front.network_reach import NetworkReach
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.services import Service, ServicePort, ServiceUnsuitable, read_service
from poolkeeper.kube.objects.targets import Target
from poolkeeper.kube.transport.client import KubeClient


class BackendPorts:
    """Reads Services, and the target's pod template where a port is only named."""

    def __init__(
        self,
        client: KubeClient,
        read_target: Callable[[TargetKey], Awaitable[Target]],
        reach: NetworkReach,
    ) -> None:
        self._client = client
        self._read_target = read_target
        self._reach = reach

    async def read(self, pool: Pool, http: Http) -> tuple[Service, int, Verdict]:
        """The Service, the pods' port, and whether requests can be held well; raises KubeFailure."""
        service = await read_service(self._client, pool.key.namespace, http.service)
        service_port = service.port(http.port)
        target = pool.declaration.target
        template = (await self._read_target(target)).pod_template if target else None
        port = _pods_port(service, service_port, template)
        network = await self._reach.problems(pool.key.namespace, template, port)
        return service, port, service_advice(service, service_port, template, network)


def _pods_port(service: Service, port: ServicePort, template: Mapping[str, Any] | None) -> int:
    target_port = port.target_port
    if isinstance(target_port, int):
        return target_port
    for each in _container_ports(template or {}):
        if each.get("name") == target_port:
            return int(each["containerPort"])
    raise ServiceUnsuitable(
        "TargetPortUnknown",
        f"Service {service.name} leads to a port named {target_port!r}, which no container of the target "
        "has.",
    )


def _container_ports(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for container in template.get("spec", {}).get("containers") or ():
        yield from container.get("ports") or ()
