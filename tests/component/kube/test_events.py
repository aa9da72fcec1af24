"""Events that fail are counted, and nothing else happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hack.testing.waiting import eventually
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.events import BURST, PENDING, EventRecorder, EventType
from poolkeeper.kube.transport.client import KubeClient
from tests.component.kube.fake_api import Answer, FakeApi, raw, refusal, reset

FAULTS = {
    "refused": refusal(403, "Forbidden"),
    "overloaded": refusal(429, "TooManyRequests", retry_after="60"),
    "namespace going away": refusal(404, "NotFound"),
    "reset": reset(),
    "a proxy": raw("<html>"),
}


@pytest.fixture
def dropped() -> Counter[str]:
    """How many events were given up, under `events`."""
    return Counter()


def counting(client: KubeClient, dropped: Counter[str]) -> EventRecorder:
    return EventRecorder(client, lambda: 0.0, on_drop=lambda: dropped.update(["events"]))


@pytest_asyncio.fixture
async def recorder(client: KubeClient, dropped: Counter[str]) -> AsyncIterator[EventRecorder]:
    recorder = counting(client, dropped)
    task = asyncio.create_task(recorder.run())
    yield recorder
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def record(recorder: EventRecorder, pool: str, reason: str) -> None:
    recorder.record(PoolKey("serving", pool), "uid", EventType.NORMAL, reason, "message")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_one_that_fails_does_not_hold_up_the_next(
    api: FakeApi, recorder: EventRecorder, dropped: Counter[str], fault: Answer
) -> None:
    api.answers.append(fault)
    record(recorder, "pool", "First")
    record(recorder, "pool", "Second")
    await eventually(lambda: len(api.requests("POST")) == 2, "both are sent")
    assert [request.body["reason"] for request in api.requests("POST")] == ["First", "Second"]
    assert dropped["events"] == 1


async def test_a_pool_that_says_too_much_is_cut_short(
    api: FakeApi, recorder: EventRecorder, dropped: Counter[str]
) -> None:
    for number in range(BURST + 3):
        record(recorder, "loud", f"Reason{number}")
    record(recorder, "quiet", "Reason")
    await eventually(lambda: len(api.requests("POST")) > BURST, "all but what is cut short are sent")
    assert (len(api.requests("POST")), dropped["events"]) == (BURST + 1, 3)


async def test_more_than_can_be_written_is_thrown_away(client: KubeClient, dropped: Counter[str]) -> None:
    recorder = counting(client, dropped)
    for number in range(PENDING + 10):
        record(recorder, f"pool-{number}", "Happened")
    assert dropped["events"] == 10
