"""A pool behind a Service: a real API server, operator and activator, and models on 127.0.0.0/8.

What a kubelet and kube-proxy would do is done here: pods get addresses and become ready, and a client goes to
an endpoint of the Service.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from poolkeeper.api.base import API_VERSION
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.paths import api_path
from tests.integration.activator.model import Models
from tests.integration.activator.scene import Scene
from tests.integration.control_plane import ControlPlane
from tests.integration.kube.objects import create_deployment
from tests.integration.operator.conftest import CLASS
from tests.integration.operator.process import OperatorProcess
from tests.integration.redis.servers import free_port


@pytest_asyncio.fixture
async def scene(
    api_server: ControlPlane, crds: None, kube_client: KubeClient, namespace: str, tmp_path: Path
) -> AsyncIterator[Scene]:
    """Everything runs, and the pool is at zero."""
    await ensure_class(kube_client)
    control_port = free_port()
    token_file = tmp_path / "token"
    token_file.write_text("shared")
    operator = OperatorProcess(api_server.kubeconfig(), namespace, tmp_path, "one")
    target = await create_deployment(kube_client, namespace, name="chat")
    models = Models(kube_client, target, free_port())
    scene = Scene(kube_client, namespace, operator, models, control_port, token_file, tmp_path)
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


async def ensure_class(client: KubeClient) -> None:
    """The class of the test's pools."""
    try:
        await client.request("POST", api_path(API_VERSION, "acceleratorclasses"), body=CLASS)
    except ApiError as failure:
        if failure.status != 409:
            raise
