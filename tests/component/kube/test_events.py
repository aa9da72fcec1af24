"""Events fail without anybody noticing but the counter."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

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


@pytest_asyncio.fixture
async def recorder(client: KubeClient) -> AsyncIterator[EventRecorder]:
    recorder = EventRecorder(client, lambda: 0.0)
    task = asyncio.create_task(recorder.run())
    yield recorder
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def record(recorder: EventRecorder, pool: str, reason: str) -> None:
    recorder.record(PoolKey("serving", pool), "uid", EventType.NORMAL, reason, "message")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_one_that_fails_does_not_hold_up_the_next(
    api: FakeApi, recorder: EventRecorder, fault: Answer
) -> None:
    api.answers.append(fault)
    record(recorder, "pool", "First")
    record(recorder, "pool", "Second")
    await recorder.flush()
    assert [request.body["reason"] for request in api.requests("POST")] == ["First", "Second"]
    assert recorder.dropped == 1


async def test_a_pool_that_says_too_much_is_cut_short(api: FakeApi, recorder: EventRecorder) -> None:
    for number in range(BURST + 3):
        record(recorder, "loud", f"Reason{number}")
    record(recorder, "quiet", "Reason")
    await recorder.flush()
    assert (len(api.requests("POST")), recorder.dropped) == (BURST + 1, 3)


async def test_more_than_can_be_written_is_thrown_away(client: KubeClient) -> None:
    recorder = EventRecorder(client, lambda: 0.0)
    for number in range(PENDING + 10):
        record(recorder, f"pool-{number}", "Happened")
    assert recorder.dropped == 10
