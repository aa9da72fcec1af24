"""What is left when the operator goes."""

import argparse
import asyncio

import pytest

from poolkeeper.kube.client import KubeClient
from poolkeeper.kube.endpoint_slices import ActivatorSlice, list_slices, put_slice
from poolkeeper.runtime import leave
from tests.integration.control_plane import ControlPlane
from tests.integration.kube.objects import create_pool


@pytest.mark.usefixtures("crds")
async def test_services_are_left_to_their_pods(
    api_server: ControlPlane,
    kube_client: KubeClient,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool, uid = await create_pool(kube_client, namespace)
    await put_slice(kube_client, ActivatorSlice(pool, uid, "chat", "IPv4", ("10.1.0.4",), (("", 20_001),)))
    monkeypatch.setattr(leave, "BETWEEN_LOOKS_SECONDS", 0.01)
    parser = argparse.ArgumentParser()
    leave.add_arguments(parser)
    flags = ["--kubeconfig", str(api_server.kubeconfig()), "--watch-namespace", namespace]

    assert await asyncio.to_thread(leave.run, parser.parse_args(flags)) == 0

    assert await list_slices(kube_client, [namespace]) == []
    assert f"Service {namespace}/chat is left to its pods" in capsys.readouterr().err
