"""Who set the replicas, as a real API server notes it for each tool that does."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from hack.testing.control_plane import ControlPlane, tools
from hack.testing.objects import CONTAINER, create_deployment
from poolkeeper.advice.writers import known_writer, writer_advice
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.managed_fields import UNNOTED, other_writer
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.objects.targets import read_target
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.paths import namespaced_path
from tests.integration.api.conftest import Kubectl

Read = Callable[[TargetKey], Any]


@pytest.fixture
def kubectl(api_server: ControlPlane, namespace: str) -> Callable[..., str]:
    """kubectl in the test's namespace."""
    (binary,) = tools("kubectl")
    return partial(Kubectl(binary, api_server.kubeconfig()), f"--namespace={namespace}")


@pytest.fixture
def scales(kube_client: KubeClient) -> ScaleClient:
    return ScaleClient(kube_client, Discovery(kube_client))


@pytest.fixture
def read(kube_client: KubeClient) -> Read:
    return partial(read_target, kube_client, Discovery(kube_client))


def manifest(replicas: int) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "worker"}}, "spec": {"containers": [CONTAINER]}}
    selector = {"matchLabels": {"app": "worker"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "worker"},
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    }


KUBECTL: dict[str, tuple[list[str], str, str]] = {
    "client-side apply": (["apply"], "kubectl-client-side-apply (Update)", "kubectl apply"),
    "server-side apply": (
        ["apply", "--server-side", "--force-conflicts"],
        "kubectl (Apply)",
        "kubectl apply --server-side",
    ),
    "Argo CD, server-side": (
        ["apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller"],
        "argocd-controller (Apply)",
        "Argo CD",
    ),
    "Flux, a Kustomization": (
        ["apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller"],
        "kustomize-controller (Apply)",
        "a Kustomization of Flux",
    ),
}


async def ours(scales: ScaleClient, target: TargetKey, replicas: int) -> None:
    """A write of the operator's."""
    await scales.write(target, await scales.read(target), replicas)


@pytest.mark.parametrize(("arguments", "named", "tool"), KUBECTL.values(), ids=KUBECTL)
async def test_a_manifest_that_is_applied_again_after_a_write_of_ours(
    kubectl: Callable[..., str],
    scales: ScaleClient,
    read: Read,
    namespace: str,
    arguments: list[str],
    named: str,
    tool: str,
) -> None:
    target = TargetKey(namespace, "apps/v1", "Deployment", "worker")
    for replicas in (1, 2):
        kubectl(*arguments, "--filename=-", manifest=manifest(replicas))
        found = other_writer((await read(target)).writers)
        known = known_writer(found)
        assert (str(found), known and known.tool) == (named, tool)
        assert found is not None
        assert found.at is not None
        await ours(scales, target, 5)
        writers = (await read(target)).writers
        assert [str(each) for each in writers] == ["poolkeeper (scale)"]
        assert other_writer(writers) is None


async def by_field_manager(client: KubeClient, target: TargetKey, manager: str, replicas: int) -> None:
    """A merge patch of the object, as helm makes one."""
    await client.request(
        "PATCH",
        namespaced_path("apps/v1", target.namespace, "deployments", target.name),
        query=(("fieldManager", manager),),
        body={"spec": {"replicas": replicas}},
        content_type="application/merge-patch+json",
    )


async def through_scale(client: KubeClient, target: TargetKey, manager: str, replicas: int) -> None:
    """A write of /scale, as an autoscaler makes one."""
    path = namespaced_path("apps/v1", target.namespace, "deployments", target.name, "scale")
    scale = await client.request("GET", path)
    scale["spec"] = {"replicas": replicas}
    await client.request("PUT", path, query=(("fieldManager", manager),), body=scale)


@pytest.mark.parametrize(
    ("write", "manager", "named", "tool"),
    [
        (by_field_manager, "helm", "helm (Update)", "Helm"),
        (by_field_manager, "helm-controller", "helm-controller (Update)", "a HelmRelease of Flux"),
        (
            through_scale,
            "kube-controller-manager",
            "kube-controller-manager (scale)",
            "a HorizontalPodAutoscaler",
        ),
        (through_scale, "keda", "keda (scale)", "KEDA"),
        (through_scale, "my-scaler", "my-scaler (scale)", None),
    ],
)
async def test_a_tool_that_writes_after_us(
    kube_client: KubeClient,
    scales: ScaleClient,
    read: Read,
    namespace: str,
    write: Callable[..., Any],
    manager: str,
    named: str,
    tool: str | None,
) -> None:
    target = await create_deployment(kube_client, namespace)
    await ours(scales, target, 2)
    await write(kube_client, target, manager, 3)
    found = other_writer((await read(target)).writers)
    known = known_writer(found)
    assert (str(found), known and known.tool) == (named, tool)


@pytest.mark.parametrize("after_zero", [(), (5,)])
async def test_after_a_write_of_zero_the_api_server_notes_no_write_of_scale(
    kubectl: Callable[..., str],
    kube_client: KubeClient,
    scales: ScaleClient,
    read: Read,
    namespace: str,
    after_zero: tuple[int, ...],
) -> None:
    """Neither ours nor that of kubectl scale; what a tool applies is noted again."""
    target = await create_deployment(kube_client, namespace, replicas=1)
    for replicas in (0, *after_zero):
        await ours(scales, target, replicas)
    kubectl("scale", "deployment/worker", "--replicas=3")
    assert (await read(target)).writers == (UNNOTED,)
    kubectl("apply", "--filename=-", manifest=manifest(2))
    assert str(other_writer((await read(target)).writers)) == "kubectl-client-side-apply (Update)"
    await ours(scales, target, 4)
    assert [str(each) for each in (await read(target)).writers] == ["poolkeeper (scale)"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["scale", "deployment/worker", "--replicas=3"], "kubectl (scale)"),
        (["patch", "deployment/worker", "--patch", '{"spec":{"replicas":3}}'], "kubectl-patch (Update)"),
    ],
)
async def test_a_person_who_scales_by_hand(
    kubectl: Callable[..., str],
    kube_client: KubeClient,
    scales: ScaleClient,
    read: Read,
    namespace: str,
    arguments: list[str],
    named: str,
) -> None:
    target = await create_deployment(kube_client, namespace)
    await ours(scales, target, 2)
    kubectl(*arguments)
    found = other_writer((await read(target)).writers)
    assert str(found) == named
    assert "set mode: Observe" in writer_advice(found)
