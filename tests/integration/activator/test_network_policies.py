"""A NetworkPolicy that keeps the activators out becomes a condition of the pool, and changes nothing else."""

import asyncio
from typing import Any

from hack.testing.waiting import eventually
from poolkeeper.kube.transport.paths import namespaced_path
from tests.integration.activator.scene import ACTIVATOR_LABELS, ActivatorScene


async def create_policy(scene: ActivatorScene, name: str, **spec: Any) -> None:
    """A policy about the model's pods."""
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {"matchLabels": {"app": "chat"}}, **spec},
    }
    path = namespaced_path("networking.k8s.io/v1", scene.namespace, "networkpolicies")
    await scene.client.request("POST", path, body=body)


async def start_again(scene: ActivatorScene) -> None:
    """A new leader asks at once; one that runs would ask within a minute."""
    await asyncio.to_thread(scene.operator.stop)
    await scene.start_operator()


async def service_suits(scene: ActivatorScene, reason: str) -> str:
    """Returns the condition's message once it has this reason."""
    found: dict[str, str] = {}

    async def holds() -> bool:
        conditions = (await scene.status()).get("conditions") or ()
        found.update(next((each for each in conditions if each["type"] == "ServiceSuitable"), {}))
        return found.get("reason") == reason

    await eventually(holds, f"ServiceSuitable is {reason}", 45)
    return found["message"]


async def test_what_keeps_the_activators_out_is_told_and_blocks_nothing(scene: ActivatorScene) -> None:
    await service_suits(scene, "PreStopMissing")
    await create_policy(scene, "deny", policyTypes=["Ingress"])
    await start_again(scene)
    message = await service_suits(scene, "IngressForbidden")
    assert f"NetworkPolicy deny in namespace {scene.namespace} keeps the activators away" in message
    assert f"port {scene.models.port}" in message
    # Nothing enforces policies here, as with some network plugins.
    assert (await scene.ask("hello")).status_code == 200

    peer = {"podSelector": {"matchLabels": ACTIVATOR_LABELS}}
    await create_policy(scene, "activators", ingress=[{"from": [peer]}])
    await start_again(scene)
    assert "NetworkPolic" not in await service_suits(scene, "PreStopMissing")
