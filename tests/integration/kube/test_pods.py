"""Pods of a real API server: what is seen of them, also over its death and with the watch cut."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hack.testing.control_plane import ControlPlane
from hack.testing.objects import create_pod, delete_pod, grant, make_pod_ready
from hack.testing.waiting import eventually
from poolkeeper.backoff import Backoff
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.listing import Paging
from poolkeeper.kube.transport.paths import api_path
from poolkeeper.kube.watch.pods import PodWatch
from poolkeeper.kube.watch.reflector import WatchTiming

TIMING = WatchTiming(paging=Paging(size=2), backoff=Backoff(first_seconds=0.05, longest_seconds=0.5))


class Changes(list[str]):
    """The namespaces that were reported, in order."""


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest_asyncio.fixture
async def watch(kube_client: KubeClient, changes: Changes) -> AsyncIterator[PodWatch]:
    watch = PodWatch(kube_client, changes.append, timing=TIMING)
    yield watch
    await watch.close()


def names(watch: PodWatch, namespace: str) -> set[str]:
    return {pod.name for pod in watch.pods(namespace).values()}


async def test_sees_pods_come_change_and_go(
    watch: PodWatch, changes: Changes, kube_client: KubeClient, namespace: str
) -> None:
    for number in range(5):
        await create_pod(kube_client, namespace, f"early-{number}")
    watch.follow({namespace})
    await eventually(lambda: watch.failure(namespace) is None, "the watch is open")
    assert names(watch, namespace) == {f"early-{number}" for number in range(5)}

    uid = await create_pod(kube_client, namespace, "late")
    await eventually(lambda: uid in watch.pods(namespace), "the new pod is seen")
    assert watch.pods(namespace)[uid].labels == {"app": "worker"}
    assert not watch.pods(namespace)[uid].is_ready

    await make_pod_ready(kube_client, namespace, "late")
    await eventually(lambda: watch.pods(namespace)[uid].is_ready, "it became ready")

    await delete_pod(kube_client, namespace, "late")
    await eventually(lambda: uid not in watch.pods(namespace), "it is gone")
    assert set(changes) == {namespace}


async def test_learns_what_happened_while_the_api_server_was_dead(
    watch: PodWatch, kube_client: KubeClient, namespace: str, api_server: ControlPlane
) -> None:
    """etcd keeps what was there; the watch cache of the new process knows nothing of our version."""
    await create_pod(kube_client, namespace, "staying")
    await create_pod(kube_client, namespace, "leaving")
    watch.follow({namespace})
    await eventually(lambda: len(watch.pods(namespace)) == 2, "both are seen")

    api_server.process.kill()
    await eventually(lambda: watch.failure(namespace) is not None, "the cut is noticed")
    assert names(watch, namespace) == {"staying", "leaving"}

    api_server.restart()
    await delete_pod(kube_client, namespace, "leaving")
    await create_pod(kube_client, namespace, "coming")
    await eventually(lambda: names(watch, namespace) == {"staying", "coming"}, "the copy is true again")
    await eventually(lambda: watch.failure(namespace) is None, "it is current again")


async def test_notices_a_watch_that_fell_silent(
    kube_client: KubeClient, changes: Changes, namespace: str, api_server: ControlPlane
) -> None:
    """A frozen API server keeps the connection open: only the silence shows it."""
    timing = WatchTiming(stall_seconds=0.5, paging=Paging(timeout_seconds=0.5), backoff=TIMING.backoff)
    watch = PodWatch(kube_client, changes.append, timing=timing)
    watch.follow({namespace})
    await eventually(lambda: watch.failure(namespace) is None, "the watch is open")
    api_server.process.freeze()
    try:
        await eventually(lambda: watch.failure(namespace) is not None, "the silence is noticed")
    finally:
        api_server.process.thaw()
    uid = await create_pod(kube_client, namespace, "after")
    await eventually(lambda: uid in watch.pods(namespace), "news arrives again")
    await watch.close()


async def test_forgets_a_namespace_that_is_no_longer_followed(
    watch: PodWatch, kube_client: KubeClient, namespace: str
) -> None:
    await create_pod(kube_client, namespace, "pod")
    watch.follow({namespace})
    await eventually(lambda: len(watch.pods(namespace)) == 1, "it is seen")
    watch.follow(set())
    assert watch.pods(namespace) == {}
    assert watch.failure(namespace) is not None


async def test_watches_the_whole_cluster_when_there_are_many_namespaces(
    kube_client: KubeClient, changes: Changes, namespace: str
) -> None:
    other, third = f"{namespace}-b", f"{namespace}-c"
    for name in (other, third):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await kube_client.request("POST", api_path("v1", "namespaces"), body=body)
    for place in (namespace, other, third):
        await create_pod(kube_client, place, "pod")
    watch = PodWatch(kube_client, changes.append, cluster_wide_above=1, timing=TIMING)
    watch.follow({namespace, other})
    await eventually(lambda: len(watch.pods(namespace)) == len(watch.pods(other)) == 1, "both are seen")
    assert watch.pods(third) == {}

    watch.follow({namespace, other, third})
    await eventually(lambda: names(watch, third) == {"pod"}, "the one that joined late is caught up with")
    await delete_pod(kube_client, third, "pod")
    await eventually(lambda: watch.pods(third) == {}, "its later news comes through the common watch")
    await eventually(lambda: third in changes, "it is reported")
    await watch.close()


async def test_a_refusal_is_said_and_ends_when_the_right_is_granted(
    api_server: ControlPlane, kube_client: KubeClient, changes: Changes, namespace: str
) -> None:
    uid = await create_pod(kube_client, namespace, "pod")
    async with await api_server.client("operator") as client:
        watch = PodWatch(client, changes.append, timing=TIMING)
        watch.follow({namespace})
        await eventually(lambda: "cannot list" in str(watch.failure(namespace)), "the refusal is said")
        for verb in ("list", "watch"):
            await grant(kube_client, namespace, user="operator", group="", resource="pods", verb=verb)
        await eventually(lambda: uid in watch.pods(namespace), "the pod is seen")
        await watch.close()
