"""Events on a real API server: one per pool, reason and message, counted up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hack.testing.control_plane import ControlPlane
from hack.testing.waiting import eventually
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.events import BURST, EventRecorder, EventType
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import namespaced_path

UID = "7e5b5f6e-0000-4000-8000-000000000001"


@asynccontextmanager
async def recording(
    client: KubeClient, on_drop: Callable[[], None] = lambda: None
) -> AsyncIterator[EventRecorder]:
    recorder = EventRecorder(client, lambda: 1_767_225_600.0, on_drop=on_drop)
    task = asyncio.create_task(recorder.run())
    yield recorder
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def events(client: KubeClient, namespace: str) -> list[tuple[str, str, int]]:
    found = await client.request("GET", namespaced_path("v1", namespace, "events"))
    return sorted((event["reason"], event["message"], event["count"]) for event in found["items"])


async def has_events(client: KubeClient, namespace: str, *wanted: tuple[str, str, int]) -> None:
    """Returns once the namespace has exactly these events."""

    async def holds() -> bool:
        return await events(client, namespace) == sorted(wanted)

    await eventually(holds, f"events {wanted}")


async def test_the_same_thing_is_counted_and_another_one_is_new(
    kube_client: KubeClient, namespace: str
) -> None:
    pool = PoolKey(namespace, "pool")
    async with recording(kube_client) as recorder:
        for _ in range(3):
            recorder.record(pool, UID, EventType.NORMAL, "ScaledUp", "0 → 1")
        recorder.record(pool, UID, EventType.NORMAL, "ScaledUp", "1 → 2")
        await has_events(kube_client, namespace, ("ScaledUp", "0 → 1", 3), ("ScaledUp", "1 → 2", 1))


async def test_a_restarted_operator_goes_on_counting(kube_client: KubeClient, namespace: str) -> None:
    for count in range(1, 4):
        async with recording(kube_client) as recorder:
            recorder.record(PoolKey(namespace, "pool"), UID, EventType.NORMAL, "ScaledUp", "0 → 1")
            await has_events(kube_client, namespace, ("ScaledUp", "0 → 1", count))


async def test_an_expired_event_is_made_anew(kube_client: KubeClient, namespace: str) -> None:
    pool = PoolKey(namespace, "pool")
    async with recording(kube_client) as recorder:
        recorder.record(pool, UID, EventType.NORMAL, "ScaledUp", "0 → 1")
        await has_events(kube_client, namespace, ("ScaledUp", "0 → 1", 1))
        await kube_client.request("DELETE", namespaced_path("v1", namespace, "events"))
        recorder.record(pool, UID, EventType.NORMAL, "ScaledUp", "0 → 1")
        await has_events(kube_client, namespace, ("ScaledUp", "0 → 1", 1))


async def test_a_pool_with_the_longest_name_and_a_long_message(
    kube_client: KubeClient, namespace: str
) -> None:
    async with recording(kube_client) as recorder:
        recorder.record(PoolKey(namespace, "p" * 253), UID, EventType.WARNING, "Ünknown", "ü" * 5000)
        await has_events(kube_client, namespace, ("Ünknown", "ü" * 510 + "…", 1))


async def test_a_pool_that_says_too_much_is_cut_short(kube_client: KubeClient, namespace: str) -> None:
    dropped: list[None] = []
    async with recording(kube_client, lambda: dropped.append(None)) as recorder:
        for number in range(BURST + 5):
            recorder.record(PoolKey(namespace, "loud"), UID, EventType.NORMAL, "Said", str(number))
        recorder.record(PoolKey(namespace, "quiet"), UID, EventType.NORMAL, "Heard", "still")
        said = [("Said", str(number), 1) for number in range(BURST)]
        await has_events(kube_client, namespace, *said, ("Heard", "still", 1))
    assert len(dropped) == 5


async def test_a_refusal_is_counted_and_goes_no_further(api_server: ControlPlane, namespace: str) -> None:
    async with await api_server.client("stranger") as client:
        refused = asyncio.Event()
        async with recording(client, refused.set) as recorder:
            recorder.record(PoolKey(namespace, "pool"), UID, EventType.NORMAL, "ScaledUp", "0 → 1")
            async with asyncio.timeout(5.0):
                await refused.wait()
