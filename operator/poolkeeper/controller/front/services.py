"""The Services of HTTP pools: which port of the pods each leads to, and whether its requests can be held."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from poolkeeper.advice.service import service_advice
from poolkeeper.api.demand import Http
from poolkeeper.backoff import Backoff
from poolkeeper.controller.front.network_reach import NetworkReach
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.front.seen import SeenService
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.kube.objects.services import Service, ServicePort, ServiceUnsuitable, read_service
from poolkeeper.kube.objects.targets import Target
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.watch.containers import long_running
from poolkeeper.sources.base import SourceFailure

READ_EVERY_SECONDS = 30.0
RETRIES = Backoff(first_seconds=3.0, longest_seconds=15.0)
REFUSED = Backoff(first_seconds=3.0, longest_seconds=300.0)
"""A right that is missing is granted by a person, if at all."""
FORBIDDEN = 403


@dataclass(slots=True)
class ServiceState:
    """What is known of one pool's Service; only `Services` writes it."""

    service: SeenService | None = None
    """The Service, the last that was read; None before that."""
    was_asked: bool = False
    """Whether the Service was read, or could not be."""
    suits: Verdict | None = None
    """Whether requests can be held for it; None until that is known."""
    failure: SourceFailure = field(
        default_factory=lambda: SourceFailure("ServiceUnknown", "the Service has not been read yet")
    )
    """Why it could not be read last."""
    failures: int = 0
    """How often in a row it could not be read."""
    read_again_at: float = 0.0
    """When it is read next."""


UNKNOWN = ServiceState()


class Services:
    """Reads Services, and the target's pod template where a port is only named."""

    def __init__(
        self,
        client: KubeClient,
        read_target: Callable[[TargetKey], Awaitable[Target]],
        reach: NetworkReach,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._read_target = read_target
        self._reach = reach
        self._clock = clock
        self._states: dict[PoolKey, ServiceState] = {}

    def state(self, pool: PoolKey) -> ServiceState:
        """What is known of a pool's Service, to be read only."""
        return self._states.get(pool, UNKNOWN)

    def expire(self, pool: PoolKey) -> None:
        """Read the Service again as soon as it is needed; what is known counts until then."""
        self._states.setdefault(pool, ServiceState()).read_again_at = 0.0

    def forget(self, pool: PoolKey) -> None:
        """The pool is gone, or names another Service."""
        self._states.pop(pool, None)

    async def look(self, pool: Pool, http: Http) -> SeenService:
        """The Service, read again now and then; raises SourceFailure while it was never read, and where
        reading it fails now."""
        state = self._states.setdefault(pool.key, ServiceState())
        if self._clock() >= state.read_again_at:
            # Meanwhile another look must not read it too.
            state.read_again_at = self._clock() + RETRIES.first_seconds
            try:
                state.service, state.suits = await self._read(pool, http)
            except KubeFailure as failure:
                state.read_again_at = self._clock() + _pause_seconds(failure, state.failures)
                state.failures += 1
                if isinstance(failure, ServiceUnsuitable):
                    state.suits = Verdict(False, failure.reason, failure.message)
                state.failure = SourceFailure(failure.reason, failure.message)
                raise state.failure from failure
            finally:
                state.was_asked = True
            state.failures, state.read_again_at = 0, self._clock() + READ_EVERY_SECONDS
        if state.service is None:
            raise SourceFailure(state.failure.reason, state.failure.message)
        return state.service

    async def _read(self, pool: Pool, http: Http) -> tuple[SeenService, Verdict]:
        """Raises KubeFailure."""
        service = await read_service(self._client, pool.key.namespace, http.service)
        service_port = service.port(http.port)
        target = pool.declaration.target
        template = (await self._read_target(target)).pod_template if target else None
        port = _pods_port(service, service_port, template)
        network = await self._reach.problems(pool.key.namespace, template, port)
        seen = SeenService(
            families=service.families,
            port_name=service_port.name,
            backend_port=port,
            selector=service.selector,
        )
        return seen, service_advice(service, service_port, template, network)


def _pause_seconds(failure: KubeFailure, failures: int) -> float:
    is_refused = isinstance(failure, ApiError) and failure.status == FORBIDDEN
    return (REFUSED if is_refused else RETRIES).pause_seconds(failures)


def _pods_port(service: Service, port: ServicePort, template: Mapping[str, Any] | None) -> int:
    target_port = port.target_port
    if isinstance(target_port, int):
        return target_port
    for each in _container_ports(template or {}):
        # A kind of its own may leave the number out.
        if each.get("name") == target_port and each.get("containerPort"):
            return int(each["containerPort"])
    raise ServiceUnsuitable(
        "TargetPortUnknown",
        f"Service {service.name} leads to a port named {target_port!r}, which no container of the target "
        "has.",
    )


def _container_ports(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for container in long_running(template.get("spec") or {}):
        yield from container.get("ports") or ()
