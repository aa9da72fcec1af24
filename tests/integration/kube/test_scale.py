"""/scale of a real API server: what is read, what a stale write gets, and who may do what."""

import pytest

from hack.testing.control_plane import ControlPlane
from hack.testing.objects import create_deployment, delete_deployment, grant
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import (
    KindUnknown,
    NoScaleSubresource,
    ScaleConflict,
    TargetForbidden,
    TargetMissing,
)


@pytest.fixture
def scales(kube_client: KubeClient) -> ScaleClient:
    return ScaleClient(kube_client, Discovery(kube_client))


async def test_reads_what_the_target_was_told(
    scales: ScaleClient, kube_client: KubeClient, namespace: str
) -> None:
    target = await create_deployment(kube_client, namespace, replicas=3)
    scale = await scales.read(target)
    assert (scale.replicas, scale.current_replicas, scale.selector) == (3, 0, "app=worker")


async def test_reads_zero(scales: ScaleClient, kube_client: KubeClient, namespace: str) -> None:
    target = await create_deployment(kube_client, namespace, replicas=0)
    assert (await scales.read(target)).replicas == 0


async def test_writes_replicas_and_zero(scales: ScaleClient, kube_client: KubeClient, namespace: str) -> None:
    target = await create_deployment(kube_client, namespace)
    up = await scales.write(target, await scales.read(target), 4)
    down = await scales.write(target, up, 0)
    assert (up.replicas, down.replicas) == (4, 0)
    assert await scales.read(target) == down


async def test_a_write_over_somebody_elses_is_a_conflict(
    scales: ScaleClient, kube_client: KubeClient, namespace: str
) -> None:
    target = await create_deployment(kube_client, namespace)
    seen = await scales.read(target)
    theirs = await scales.write(target, seen, 2)
    with pytest.raises(ScaleConflict, match="read again"):
        await scales.write(target, seen, 7)
    assert await scales.read(target) == theirs


async def test_a_target_made_anew_under_the_same_name_is_a_conflict(
    scales: ScaleClient, kube_client: KubeClient, namespace: str
) -> None:
    target = await create_deployment(kube_client, namespace)
    seen = await scales.read(target)
    await delete_deployment(kube_client, target)
    await create_deployment(kube_client, namespace)
    with pytest.raises(ScaleConflict):
        await scales.write(target, seen, 7)
    assert (await scales.read(target)).replicas == 0


async def test_the_uid_alone_keeps_a_write_from_another_object(
    scales: ScaleClient, kube_client: KubeClient, namespace: str
) -> None:
    target = await create_deployment(kube_client, namespace)
    seen = await scales.read(target)
    stranger = await create_deployment(kube_client, namespace, name="other")
    fields = {name: getattr(seen, name) for name in seen.__slots__}
    with pytest.raises(ScaleConflict):
        await scales.write(target, type(seen)(**{**fields, "uid": (await scales.read(stranger)).uid}), 7)


async def test_a_missing_target(scales: ScaleClient, namespace: str) -> None:
    with pytest.raises(TargetMissing, match="create it, or correct targetRef"):
        await scales.read(TargetKey(namespace, "apps/v1", "Deployment", "absent"))


async def test_a_kind_without_scale(scales: ScaleClient, namespace: str) -> None:
    with pytest.raises(NoScaleSubresource, match="no /scale subresource"):
        await scales.read(TargetKey(namespace, "v1", "ConfigMap", "any"))


@pytest.mark.parametrize("api_version", ["apps/v1", "absent.example.com/v1", "v9"])
async def test_an_unknown_kind(scales: ScaleClient, namespace: str, api_version: str) -> None:
    with pytest.raises(KindUnknown, match=f"no kind Imaginary in {api_version}"):
        await scales.read(TargetKey(namespace, api_version, "Imaginary", "any"))


async def test_a_kind_that_is_not_namespaced(scales: ScaleClient, namespace: str) -> None:
    with pytest.raises(KindUnknown, match="not namespaced"):
        await scales.read(TargetKey(namespace, "v1", "Node", "any"))


async def test_a_refusal_names_the_rule_and_the_value(
    api_server: ControlPlane, kube_client: KubeClient, namespace: str
) -> None:
    target = await create_deployment(kube_client, namespace)
    async with await api_server.client("operator") as client:
        limited = ScaleClient(client, Discovery(client))
        with pytest.raises(TargetForbidden, match="may not get deployments/scale") as refusal:
            await limited.read(target)
        assert '{apiGroup: "apps", resources: [deployments]} to the chart\'s value targets' in str(
            refusal.value
        )
        await grant(
            kube_client, namespace, user="operator", group="apps", resource="deployments/scale", verb="get"
        )
        seen = await limited.read(target)
        with pytest.raises(TargetForbidden, match="may not update deployments/scale"):
            await limited.write(target, seen, 1)
        await grant(
            kube_client, namespace, user="operator", group="apps", resource="deployments/scale", verb="update"
        )
        assert (await limited.write(target, seen, 1)).replicas == 1
