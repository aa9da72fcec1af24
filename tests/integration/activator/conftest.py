"""A pool behind a Service: a real API server, operator and activator, and models on 127.0.0.0/8.

What a kubelet and kube-proxy would do is done here: pods get addresses and become ready, and a client goes to
an endpoint of the Service.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from hack.testing.control_plane import ControlPlane
from hack.testing.kinds import create_class
from hack.testing.objects import create_deployment
from hack.testing.operator_process import OperatorProcess
from hack.testing.ports import free_port
from poolkeeper.kube.transport.client import KubeClient
from tests.integration.activator.model import Models
from tests.integration.activator.scene import ActivatorScene


@pytest_asyncio.fixture
async def scene(
    api_server: ControlPlane, crds: None, kube_client: KubeClient, namespace: str, tmp_path: Path
) -> AsyncIterator[ActivatorScene]:
    """Everything runs, and the pool is at zero."""
    await create_class(kube_client)
    control_port = free_port()
    token_file = tmp_path / "token"
    token_file.write_text("shared")
    operator = OperatorProcess(api_server.kubeconfig(), namespace, tmp_path, "one")
    target = await create_deployment(kube_client, namespace, name="chat")
    models = Models(kube_client, target, free_port())
    scene = ActivatorScene(
        client=kube_client,
        namespace=namespace,
        operator=operator,
        models=models,
        control_port=control_port,
        token_file=token_file,
        folder=tmp_path,
    )
    following = asyncio.create_task(models.run())
    await scene.start_activator()
    await scene.start_operator()
    await scene.create_service_and_pool()
    yield scene
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await models.close()
    operator.stop()
    scene.stop_activator()
