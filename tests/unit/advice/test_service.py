"""What is said about a Service whose requests are to be held."""

import pytest

from poolkeeper.advice.advice import Advice
from poolkeeper.advice.service import service_advice
from poolkeeper.kube.objects.services import project_service
from poolkeeper.kube.transport.client import JsonObject


def template(*containers: JsonObject) -> JsonObject:
    """A pod template with these containers."""
    return {"spec": {"containers": list(containers)}}


def sleeping(seconds: int, **container: object) -> JsonObject:
    """A container whose preStop hook sleeps."""
    return {"name": "main", "lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}, **container}


def with_sidecar(container: JsonObject) -> JsonObject:
    """A pod template with a container of its own, and this native sidecar."""
    sidecar = {**container, "restartPolicy": "Always"}
    return {"spec": {"containers": [{"name": "other"}], "initContainers": [{"name": "load"}, sidecar]}}


SLEEPS = template(sleeping(5))
HOOKED = {"name": "main", "lifecycle": {"preStop": {"httpGet": {"path": "/drain", "port": 80}}}}
SIDECAR = {"name": "proxy", "ports": [{"containerPort": 9000}]}
SERVES = {"ports": [{"containerPort": 8000, "name": "web"}]}


def declared(spec: JsonObject, port: JsonObject) -> JsonObject:
    """A Service `chat` with one port."""
    return {
        "metadata": {"name": "chat"},
        "spec": {
            "clusterIP": "10.0.0.1",
            "selector": {"app": "chat"},
            "ports": [{"port": 80, "targetPort": 8000, **port}],
            **spec,
        },
    }


@pytest.mark.parametrize(
    ("spec", "port", "pods", "reason"),
    [
        ({}, {}, SLEEPS, "RequestsCanBeHeld"),
        ({}, {}, None, "RequestsCanBeHeld"),
        ({}, {}, template({"name": "main"}), "PreStopMissing"),
        ({}, {}, template(), "PreStopMissing"),
        ({}, {}, template(sleeping(4)), "PreStopTooShort"),
        ({}, {}, template(HOOKED), "RequestsCanBeHeld"),
        ({}, {}, template(SIDECAR, sleeping(5, **SERVES)), "RequestsCanBeHeld"),
        ({}, {"targetPort": "web"}, template(SIDECAR, sleeping(5, **SERVES)), "RequestsCanBeHeld"),
        ({}, {}, template({"name": "main", **SERVES}, sleeping(9, name="proxy")), "PreStopMissing"),
        ({}, {}, with_sidecar(sleeping(5, **SERVES)), "RequestsCanBeHeld"),
        ({}, {}, with_sidecar({"name": "proxy", **SERVES}), "PreStopMissing"),
        ({}, {"targetPort": "web"}, with_sidecar(sleeping(5, **SERVES)), "RequestsCanBeHeld"),
        ({"internalTrafficPolicy": "Local"}, {}, SLEEPS, "LocalTrafficOnly"),
        ({"internalTrafficPolicy": "Cluster"}, {}, SLEEPS, "RequestsCanBeHeld"),
        ({"publishNotReadyAddresses": True}, {}, SLEEPS, "NotReadyPublished"),
        ({"publishNotReadyAddresses": False}, {}, SLEEPS, "RequestsCanBeHeld"),
        ({}, {"appProtocol": "https"}, SLEEPS, "TlsBackend"),
        ({}, {"appProtocol": "grpcs"}, SLEEPS, "TlsBackend"),
        ({}, {"appProtocol": "kubernetes.io/wss"}, SLEEPS, "TlsBackend"),
        ({}, {"name": "https"}, SLEEPS, "TlsBackend"),
        ({}, {"name": "https-web"}, SLEEPS, "TlsBackend"),
        ({}, {"name": "httpsish"}, SLEEPS, "RequestsCanBeHeld"),
        ({}, {"port": 443}, SLEEPS, "TlsBackend"),
        ({}, {"port": 443, "appProtocol": "http"}, SLEEPS, "RequestsCanBeHeld"),
        ({}, {"name": "https", "appProtocol": "http"}, SLEEPS, "RequestsCanBeHeld"),
        ({}, {"appProtocol": "kubernetes.io/h2c"}, SLEEPS, "RequestsCanBeHeld"),
    ],
)
def test_advice(spec: JsonObject, port: JsonObject, pods: JsonObject | None, reason: str) -> None:
    service = project_service(declared(spec, port))
    verdict = service_advice(service, service.ports[0], pods)
    assert (verdict.reason, verdict.holds) == (reason, reason == "RequestsCanBeHeld")


def test_all_problems_are_told() -> None:
    spec = {"internalTrafficPolicy": "Local", "publishNotReadyAddresses": True}
    service = project_service(declared(spec, {"name": "https"}))
    kept_out = Advice("IngressForbidden", "a policy keeps the activators away")
    verdict = service_advice(service, service.port(80), template(sleeping(1)), [kept_out])
    assert (verdict.holds, verdict.reason) == (False, "IngressForbidden")
    for told in (
        kept_out.message,
        "is for TLS",
        "publishNotReadyAddresses",
        "internalTrafficPolicy Local",
        "sleeps 1 s",
    ):
        assert told in verdict.message


def test_a_hook_whose_time_is_unknown_is_told_as_such() -> None:
    service = project_service(declared({}, {}))
    verdict = service_advice(service, service.port(80), template(HOOKED))
    assert "make sure that it takes at least 5 s" in verdict.message


@pytest.mark.parametrize(
    ("probes", "told"),
    [
        ({}, None),
        ({"readinessProbe": {"periodSeconds": 1}}, None),
        ({"readinessProbe": {"periodSeconds": 5}}, "readinessProbe of container main runs only every 5 s"),
        ({"readinessProbe": {}}, "runs only every 10 s"),
        ({"readinessProbe": {"periodSeconds": 1}, "startupProbe": {}}, "startupProbe of container main"),
        ({"livenessProbe": {}}, None),
    ],
)
def test_probes_that_come_seldom_are_told_and_hold_nothing_up(probes: JsonObject, told: str | None) -> None:
    service = project_service(declared({}, {}))
    verdict = service_advice(service, service.port(80), template(sleeping(5, **probes)))
    assert verdict.holds
    assert (told or "can be held while the pool is at zero") in verdict.message
    assert ("periodSeconds" in verdict.message) == (told is not None)


@pytest.mark.parametrize(
    "fields",
    [
        {"lifecycle": "x"},
        {"lifecycle": {"preStop": [1]}},
        {"lifecycle": {"preStop": {"sleep": {"seconds": "5"}}}},
        {"lifecycle": {"preStop": {"sleep": {"seconds": None}}}},
        {"readinessProbe": 1},
        {"startupProbe": {"periodSeconds": "often"}},
    ],
)
def test_a_container_of_another_form_is_advised_on(fields: JsonObject) -> None:
    """As the template of a kind that nobody knows may have one."""
    service = project_service(declared({}, {}))
    verdict = service_advice(service, service.port(80), template({"name": "main", **fields}))
    assert verdict.reason in ("PreStopMissing", "PreStopTooShort")
