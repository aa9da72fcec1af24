"""A start as the real controllers and scheduler make it, up to what is learned from it."""

from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio

from hack.testing.objects import create_deployment
from hack.testing.waiting import eventually
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import ScaleConflict
from poolkeeper.kube.transport.selectors import parse_selector
from poolkeeper.kube.watch.pod import Pod
from poolkeeper.kube.watch.pods import PodWatch

pytestmark = pytest.mark.usefixtures("nodes")


@pytest_asyncio.fixture
async def watch(kube_client: KubeClient) -> AsyncIterator[PodWatch]:
    watch = PodWatch(kube_client, lambda _: None)
    yield watch
    await watch.close()


async def scaled(client: KubeClient, target: TargetKey, replicas: int) -> str:
    """Scales a target, while its controller writes too; the target's selector."""
    scales = ScaleClient(client, Discovery(client))
    while True:
        with suppress(ScaleConflict):
            return (await scales.write(target, await scales.read(target), replicas)).selector


async def test_a_start_is_seen_from_its_creation_until_it_is_ready(
    kube_client: KubeClient, namespace: str, watch: PodWatch
) -> None:
    target = await create_deployment(kube_client, namespace)
    await create_deployment(kube_client, namespace, name="other", replicas=1)
    watch.follow({namespace})
    selector = parse_selector(await scaled(kube_client, target, 2))

    def pods() -> list[Pod]:
        return [pod for pod in watch.pods(namespace).values() if selector.matches(pod.labels)]

    await eventually(lambda: len(pods()) == 2 and all(pod.is_ready for pod in pods()), "both are ready")
    for pod in pods():
        instants = [pod.created_at, pod.scheduled_at, pod.started_at, pod.ready_at]
        assert None not in instants
        assert instants == sorted(instant for instant in instants if instant)
        assert not pod.has_failed

    await scaled(kube_client, target, 0)
    await eventually(lambda: pods() == [], "all are gone again")
