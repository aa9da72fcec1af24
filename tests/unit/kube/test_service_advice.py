"""What is said about a Service whose requests are to be held."""

import pytest

from poolkeeper.kube.client import JsonObject
from poolkeeper.kube.service_advice import service_advice
from poolkeeper.kube.services import project_service

SLEEPS: JsonObject = {"spec": {"containers": [{"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}]}}


@pytest.mark.parametrize(
    ("spec", "port", "template", "reason"),
    [
        ({}, {}, SLEEPS, "RequestsCanBeHeld"),
        ({}, {}, None, "RequestsCanBeHeld"),
        ({}, {}, {"spec": {"containers": [{"name": "main"}]}}, "PreStopMissing"),
        ({"internalTrafficPolicy": "Local"}, {}, SLEEPS, "LocalTrafficOnly"),
        ({"internalTrafficPolicy": "Cluster"}, {}, SLEEPS, "RequestsCanBeHeld"),
        ({}, {"appProtocol": "https"}, SLEEPS, "TlsBackend"),
        ({}, {"name": "https"}, SLEEPS, "TlsBackend"),
        ({}, {"appProtocol": "kubernetes.io/h2c"}, SLEEPS, "RequestsCanBeHeld"),
    ],
)
def test_advice(spec: JsonObject, port: JsonObject, template: JsonObject | None, reason: str) -> None:
    raw = {
        "metadata": {"name": "chat"},
        "spec": {
            "clusterIP": "10.0.0.1",
            "selector": {"app": "chat"},
            "ports": [{"port": 80, **port}],
            **spec,
        },
    }
    service = project_service(raw)
    verdict = service_advice(service, service.port(80), template)
    assert (verdict.reason, verdict.holds) == (reason, reason == "RequestsCanBeHeld")
