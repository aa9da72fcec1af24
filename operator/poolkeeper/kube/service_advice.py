"""What about a Service and its pods makes holding requests unreliable, each with what to do about it."""

from collections.abc import Iterator, Mapping
from typing import Any

from poolkeeper.core.decision import Verdict
from poolkeeper.kube.services import Service, ServicePort

SUITS = Verdict(True, "RequestsCanBeHeld", "requests to the Service can be held while the pool is at zero")
PRE_STOP_SECONDS = 5


def service_advice(service: Service, port: ServicePort, pod_template: Mapping[str, Any] | None) -> Verdict:
    """The first thing that is wrong; `pod_template` is None where it is not known."""
    if port.speaks_tls:
        return Verdict(
            False,
            "TlsBackend",
            f"port {port.port} of Service {service.name} is for TLS, which ends at the pods: activators "
            "can't read such requests; terminate TLS before the Service",
        )
    if service.is_local:
        return Verdict(
            False,
            "LocalTrafficOnly",
            f"Service {service.name} has internalTrafficPolicy Local: clients on nodes without an activator "
            "reach nobody while the pool is at zero; use Cluster",
        )
    if pod_template is not None and not _sleeps_before_stopping(pod_template):
        return Verdict(
            False,
            "PreStopMissing",
            "the target's containers have no preStop hook: a client with a kept-alive connection may send a "
            f"request to a pod that is stopping; add lifecycle.preStop.sleep.seconds: {PRE_STOP_SECONDS}",
        )
    return SUITS


def _sleeps_before_stopping(template: Mapping[str, Any]) -> bool:
    return any((container.get("lifecycle") or {}).get("preStop") for container in _containers(template))


def _containers(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (template.get("spec") or {}).get("containers") or ()
