"""What about a Service and its pods makes holding requests unreliable, each with what to do about it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from poolkeeper.advice.advice import Advice
from poolkeeper.core.values.decision import Verdict
from poolkeeper.kube.objects.services import Service, ServicePort
from poolkeeper.kube.watch.containers import long_running

SUITABLE = "requests to the Service can be held while the pool is at zero"
PRE_STOP_SECONDS = 5
PROBE_PERIOD_SECONDS = 10
"""Kubernetes' own, where a probe states none."""
LONG_PROBE_PERIOD_SECONDS = 2


def service_advice(
    service: Service,
    port: ServicePort,
    pod_template: Mapping[str, Any] | None,
    network: Sequence[Advice] = (),
) -> Verdict:
    """Whether requests can be held well: the verdict has the reason of the worst problem, and all sentences.

    `pod_template` is None where it is not known. `network` is what keeps the activators from the pods.
    """
    problems = [*network, *_about_service(service, port)]
    message = SUITABLE
    if pod_template is not None:
        container = _container_of(port, pod_template)
        hook = _mapping(_mapping(container.get("lifecycle")).get("preStop"))
        problems += _about_stopping(container, hook)
        if hook and "sleep" not in hook:
            message += (
                f"; container {_name(container)} has a preStop hook other than sleep: make sure that it "
                f"takes at least {PRE_STOP_SECONDS} s"
            )
        message += "".join(_about_probing(container))
    if not problems:
        return Verdict(True, "RequestsCanBeHeld", message)
    return Verdict(False, problems[0].reason, "; ".join(each.message for each in problems))


def _about_service(service: Service, port: ServicePort) -> Iterator[Advice]:
    if port.speaks_tls:
        yield Advice(
            "TlsBackend",
            f"port {port.port} of Service {service.name} is for TLS, which ends at the pods: activators "
            "can't read such requests; terminate TLS before the Service, or set the port's appProtocol to "
            "a protocol without TLS",
        )
    if service.publishes_not_ready:
        yield Advice(
            "NotReadyPublished",
            f"Service {service.name} has publishNotReadyAddresses: clients are sent to pods that are still "
            "loading; remove that field",
        )
    if service.is_local:
        yield Advice(
            "LocalTrafficOnly",
            f"Service {service.name} has internalTrafficPolicy Local: clients on nodes without an activator "
            "get no connection while the pool is at zero; set it to Cluster",
        )


def _about_stopping(container: Mapping[str, Any], hook: Mapping[str, Any]) -> Iterator[Advice]:
    risk = (
        "a client with a kept-alive connection may send a request to a pod that is stopping; set the "
        f"container's lifecycle.preStop.sleep.seconds to {PRE_STOP_SECONDS}"
    )
    if not hook:
        yield Advice("PreStopMissing", f"container {_name(container)} has no preStop hook: {risk}")
    elif "sleep" in hook and (seconds := _number(hook["sleep"], "seconds")) < PRE_STOP_SECONDS:
        yield Advice(
            "PreStopTooShort", f"the preStop hook of container {_name(container)} sleeps {seconds} s: {risk}"
        )


def _about_probing(container: Mapping[str, Any]) -> Iterator[str]:
    """A slow probe does not prevent holding, but held requests wait until the kubelet has probed the pod."""
    for kind in ("startupProbe", "readinessProbe"):
        seconds = 0
        if container.get(kind) is not None:
            seconds = _number(container[kind], "periodSeconds") or PROBE_PERIOD_SECONDS
        if seconds > LONG_PROBE_PERIOD_SECONDS:
            yield (
                f"; the {kind} of container {_name(container)} runs only every {seconds} s, and held "
                f"requests wait for it: set its periodSeconds to 1"
            )


def _container_of(port: ServicePort, template: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that the Service's port leads to; the first where none declares it, as none need."""
    containers = long_running(template.get("spec") or {})
    for container in containers:
        for each in container.get("ports") or ():
            if port.target_port in (each.get("name"), each.get("containerPort")):
                return container
    return containers[0] if containers else {}


def _mapping(value: Any) -> Mapping[str, Any]:
    """A kind of its own may keep anything in its fields."""
    return value if isinstance(value, Mapping) else {}


def _number(value: Any, field: str) -> int:
    found = _mapping(value).get(field)
    return found if isinstance(found, int) else 0


def _name(container: Mapping[str, Any]) -> str:
    return str(container.get("name", "of the target"))
