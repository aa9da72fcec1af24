"""What is left when the operator goes, and what its controllers may still undo."""

import argparse
import asyncio
import contextlib
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from hack.testing.control_plane import ControlPlane
from hack.testing.objects import create_deployment, create_pool, grant, patch
from hack.testing.operator_process import OperatorProcess
from hack.testing.waiting import eventually
from poolkeeper.api.base import API_VERSION
from poolkeeper.commands import leave
from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.endpoint_slices import list_slices, put_slice
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path
from tests.integration.activator.scene import ActivatorScene
from tests.integration.api.specs import POOL

CONTROLLER = "poolkeeper"
OTHER_WRITER = {
    "type": "SoleWriter",
    "status": "False",
    "reason": "ScaledObject",
    "message": "",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


def command(kubeconfig: Path, namespace: str, *flags: str) -> argparse.Namespace:
    """As the hook runs it."""
    parser = argparse.ArgumentParser()
    leave.add_arguments(parser)
    where = [f"--kubeconfig={kubeconfig}", f"--namespace={namespace}", f"--watch-namespace={namespace}"]
    return parser.parse_args([*where, *flags])


async def hold_by_slice(client: KubeClient, namespace: str) -> PoolKey:
    """A pool whose Service leads to an activator."""
    pool, uid = await create_pool(client, namespace)
    await put_slice(
        client,
        ActivatorSlice(
            pool=pool,
            pool_uid=uid,
            service="chat",
            family="IPv4",
            addresses=("10.1.0.4",),
            ports=(("", 20_001),),
        ),
    )
    return pool


async def replicas(client: KubeClient, namespace: str, deployment: str) -> int:
    """The replicas in a Deployment's spec."""
    path = namespaced_path("apps/v1", namespace, "deployments", deployment, "scale")
    return int((await client.request("GET", path))["spec"].get("replicas", 0))


async def create_pool_of(
    client: KubeClient, namespace: str, name: str, *, has: int = 0, status: Any = None, **changes: Any
) -> None:
    """A pool and its target of the same name, with this many replicas."""
    await create_deployment(client, namespace, name=name, replicas=has)
    path = namespaced_path(API_VERSION, namespace, "acceleratorpools")
    spec = {**POOL, "targetRef": {"name": name}, **changes}
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "AcceleratorPool",
        "metadata": {"name": name},
        "spec": spec,
    }
    await client.request("POST", path, body=manifest)
    if status is not None:
        await patch(client, f"{path}/{name}/status", {"status": status})


@pytest_asyncio.fixture
async def standby(
    api_server: ControlPlane, scene: ActivatorScene, tmp_path: Path
) -> AsyncIterator[OperatorProcess]:
    """A second replica of the scene's operator, which does not lead."""
    process = OperatorProcess(api_server.kubeconfig(), scene.namespace, tmp_path, "two")
    flags = (f"--activator-token-file={scene.token_file}", f"--activator-port={scene.control_port}")
    await asyncio.to_thread(process.start, *flags)
    yield process
    process.stop()


@pytest.mark.parametrize("flags", [(), ("--restore-replicas",)])
async def test_a_standby_that_ends_late_undoes_nothing(
    api_server: ControlPlane,
    scene: ActivatorScene,
    standby: OperatorProcess,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, ...],
) -> None:
    await scene.wait_for_slice()
    await scene.wait_for_replicas(0)
    await create_deployment(scene.client, scene.namespace, name=CONTROLLER, replicas=2)
    deployment = namespaced_path("apps/v1", scene.namespace, "deployments", CONTROLLER)
    await patch(scene.client, f"{deployment}/status", {"status": {"replicas": 2}})
    standby.send(signal.SIGSTOP)

    async def is_scaled_to_zero() -> bool:
        return await replicas(scene.client, scene.namespace, CONTROLLER) == 0

    args = command(api_server.kubeconfig(), scene.namespace, f"--controller={CONTROLLER}", *flags)
    leaving = asyncio.create_task(asyncio.to_thread(leave.run, args))
    await eventually(is_scaled_to_zero, "the Deployment is scaled to zero", 20)
    assert await scene.slices(), "nothing is touched while a controller may lead"
    await asyncio.to_thread(scene.operator.stop)
    await patch(scene.client, f"{deployment}/status", {"status": {"replicas": 0}})
    assert await leaving == 0
    standby.send(signal.SIGCONT)

    wanted = 1 if flags else 0
    for _ in range(25):
        assert await scene.slices() == []
        assert await replicas(scene.client, scene.namespace, "chat") == wanted
        await asyncio.sleep(0.2)
    printed = capsys.readouterr().err
    assert f"Service {scene.namespace}/chat: the activators are removed from its endpoints" in printed
    named = re.search(r"To bring it back: (kubectl .*)", printed)
    assert bool(named) == (not flags)
    if named:
        assert named[1] == f"kubectl --namespace {scene.namespace} scale deployment.apps/chat --replicas=1"
    assert "not sure" not in printed


@pytest.mark.usefixtures("crds")
async def test_pools_are_named_or_brought_back_within_their_bounds(
    api_server: ControlPlane, kube_client: KubeClient, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bounds: dict[str, Any] = {"replicas": {"min": 2, "max": 3}}
    await create_pool_of(kube_client, namespace, "idle")
    await create_pool_of(kube_client, namespace, "floor", **bounds)
    await create_pool_of(kube_client, namespace, "busy", has=5)
    await create_pool_of(kube_client, namespace, "watched", mode="Observe")
    await create_pool_of(kube_client, namespace, "rival", status={"conditions": [OTHER_WRITER]})
    contested = {**OTHER_WRITER, "reason": "ReplicasChangedElsewhere"}
    await create_pool_of(kube_client, namespace, "contested", status={"conditions": [contested]})
    names = ("idle", "floor", "busy", "watched", "rival", "contested")

    async def all_replicas() -> list[int]:
        return [await replicas(kube_client, namespace, name) for name in names]

    assert await asyncio.to_thread(leave.run, command(api_server.kubeconfig(), namespace)) == 0
    printed = capsys.readouterr().err
    assert await all_replicas() == [0, 0, 5, 0, 0, 0]
    assert set(re.findall(rf"Pool {namespace}/(\w+) stays at zero", printed)) == {
        "idle",
        "floor",
        "contested",
    }

    restoring = command(api_server.kubeconfig(), namespace, "--restore-replicas")
    assert await asyncio.to_thread(leave.run, restoring) == 0
    printed = capsys.readouterr().err
    assert await all_replicas() == [1, 2, 5, 0, 0, 1]
    assert f"Pool {namespace}/floor was at zero and is scaled to 2" in printed
    assert "No pool stays at zero" in printed


@pytest.mark.usefixtures("crds")
async def test_a_target_that_is_gone_is_told_and_holds_up_no_other(
    api_server: ControlPlane, kube_client: KubeClient, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await create_pool(kube_client, namespace, "astray")
    await create_pool_of(kube_client, namespace, "idle")
    restoring = command(api_server.kubeconfig(), namespace, "--restore-replicas")
    assert await asyncio.to_thread(leave.run, restoring) == 0
    printed = capsys.readouterr().err
    assert await replicas(kube_client, namespace, "idle") == 1
    assert f"Pool {namespace}/astray may stay at zero: Deployment {namespace}/chat does not exist" in printed
    assert "No pool stays at zero" not in printed


@pytest.mark.usefixtures("crds")
async def test_a_controller_that_does_not_go_is_waited_for_no_longer_than_that(
    api_server: ControlPlane,
    kube_client: KubeClient,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await hold_by_slice(kube_client, namespace)
    await create_deployment(kube_client, namespace, name=CONTROLLER, replicas=1)
    status = namespaced_path("apps/v1", namespace, "deployments", CONTROLLER, "status")
    await patch(kube_client, status, {"status": {"replicas": 1}})
    waits = leave.Waits(pods_go_seconds=1.0, between_looks_seconds=0.01)
    args = command(api_server.kubeconfig(), namespace, f"--controller={CONTROLLER}")
    assert await asyncio.to_thread(leave.run, args, waits) == 0
    assert await list_slices(kube_client, [namespace]) == []
    printed = capsys.readouterr().err
    assert "The controller may still run: its pods have not ended in time" in printed
    assert f"run this once it has ended: {leave.BY_HAND}" in printed


@pytest.mark.usefixtures("crds")
async def test_the_lease_of_a_controller_that_was_killed_runs_out(
    api_server: ControlPlane, scene: ActivatorScene, capsys: pytest.CaptureFixture[str]
) -> None:
    await scene.wait_for_slice()
    await asyncio.to_thread(scene.kill_operator)
    args = command(api_server.kubeconfig(), scene.namespace, f"--controller={CONTROLLER}")
    assert await asyncio.to_thread(leave.run, args) == 0
    assert await scene.slices() == []
    assert "not sure" not in capsys.readouterr().err


@pytest.mark.usefixtures("crds")
async def test_without_rights_it_says_so_and_succeeds(
    api_server: ControlPlane, kube_client: KubeClient, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await hold_by_slice(kube_client, namespace)
    args = command(api_server.kubeconfig("stranger"), namespace, f"--controller={CONTROLLER}")
    assert await asyncio.to_thread(leave.run, args) == 0
    printed = capsys.readouterr().err
    assert "The controller may still run" in printed
    assert "Services may still lead to activators" in printed
    assert leave.BY_HAND in printed
    assert "Pools can't be listed, so some may stay at zero" in printed
    assert len(await list_slices(kube_client, [namespace])) == 1


@pytest.mark.usefixtures("crds")
async def test_the_roles_that_are_there_suffice_for_what_they_cover(
    api_server: ControlPlane, kube_client: KubeClient, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Services are left clean although nothing about pools may be read."""
    await hold_by_slice(kube_client, namespace)
    for verb in ("list", "delete"):
        await grant(
            kube_client,
            namespace,
            user="rival",
            group="discovery.k8s.io",
            resource="endpointslices",
            verb=verb,
        )
    assert await asyncio.to_thread(leave.run, command(api_server.kubeconfig("rival"), namespace)) == 0
    assert await list_slices(kube_client, [namespace]) == []
    assert "Pools can't be listed, so some may stay at zero" in capsys.readouterr().err


async def test_an_api_server_that_says_nothing_holds_it_up_no_longer_than_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    talks: list[asyncio.Task[None] | None] = []

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError):
            while await reader.read(65_536):
                pass
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "test", "user": {"token": "none"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    args = command(kubeconfig, "ns", f"--controller={CONTROLLER}", "--timeout-seconds=2")
    began = time.monotonic()
    assert await asyncio.to_thread(leave.run, args) == 0
    assert time.monotonic() - began < 10
    server.close()
    await asyncio.gather(*(talk for talk in talks if talk))
    printed = capsys.readouterr().err
    assert "Not done within 2 s" in printed
    assert leave.BY_HAND in printed
