"""The copy of the pods stays true whatever a watch does."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.watch.pods import COALESCE_SECONDS, PodWatch
from poolkeeper.kube.watch.reflector import WatchTiming
from tests.component.kube.conftest import QUICK
from tests.component.kube.fake_api import (
    Answer,
    FakeApi,
    event,
    events,
    gone,
    pod,
    pod_list,
    refusal,
    reset,
)

NAMESPACE = "serving"
TIMING = WatchTiming(stall_seconds=1.0, backoff=QUICK)
BOOKMARK = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "90"}}}


class Observer:
    """A watch of one namespace and what it reported."""

    def __init__(
        self,
        client: KubeClient,
        timing: WatchTiming = TIMING,
        coalesce_seconds: float = COALESCE_SECONDS,
    ) -> None:
        self.changes: list[str] = []
        self.watch = PodWatch(client, self.changes.append, timing=timing, coalesce_seconds=coalesce_seconds)

    @property
    def names(self) -> set[str]:
        return {entry.name for entry in self.watch.pods(NAMESPACE).values()}

    async def sees(self, *names: str) -> None:
        await eventually(lambda: self.names == set(names), f"exactly {names} are there")


@pytest_asyncio.fixture
async def observer(client: KubeClient) -> AsyncIterator[Observer]:
    observer = Observer(client)
    yield observer
    await observer.watch.close()


def versions_watched(api: FakeApi) -> list[str]:
    return [request.query["resourceVersion"] for request in api.requests("GET", is_watch=True)]


async def test_a_list_comes_in_pages(api: FakeApi, observer: Observer) -> None:
    api.lists.extend([pod_list([pod("a", 1)], 9, token="next"), pod_list([pod("b", 2)], 9)])
    observer.watch.follow({NAMESPACE})
    await observer.sees("a", "b")
    assert [request.query.get("continue") for request in api.seen[:2]] == [None, "next"]


async def test_a_namespace_without_pods_is_reported_once_that_is_known(
    api: FakeApi, observer: Observer
) -> None:
    api.lists.append(pod_list([], 5))
    observer.watch.follow({NAMESPACE})
    await eventually(lambda: observer.changes == [NAMESPACE], "the namespace is reported")
    assert observer.watch.failure(NAMESPACE) is None


async def test_a_list_that_expired_between_its_pages_is_begun_again(api: FakeApi, observer: Observer) -> None:
    api.lists.extend(
        [pod_list([pod("a", 1)], 9, token="next"), refusal(410, "Expired"), pod_list([pod("b", 12)], 20)]
    )
    observer.watch.follow({NAMESPACE})
    await observer.sees("b")


async def test_after_its_time_a_watch_goes_on_where_it_was(api: FakeApi, observer: Observer) -> None:
    api.lists.append(pod_list([], 5))
    api.watches.append(events(event("ADDED", pod("a", 7)), then="end"))
    api.watches.append(events(event("ADDED", pod("b", 8))))
    observer.watch.follow({NAMESPACE})
    await observer.sees("a", "b")
    assert versions_watched(api)[:2] == ["5", "7"]
    assert len(api.requests("GET", is_watch=False)) == 1


async def test_a_bookmark_moves_the_place_to_go_on_from(api: FakeApi, observer: Observer) -> None:
    api.lists.append(pod_list([pod("a", 5)], 5))
    api.watches.append(events(BOOKMARK, then="cut"))
    observer.watch.follow({NAMESPACE})
    await eventually(lambda: len(versions_watched(api)) >= 2, "it goes on")
    assert versions_watched(api)[:2] == ["5", "90"]
    await observer.sees("a")


async def test_a_cut_watch_goes_on_where_it_was(api: FakeApi, observer: Observer) -> None:
    api.lists.append(pod_list([pod("a", 5)], 5))
    api.watches.append(events(event("DELETED", pod("a", 7)), then="cut"))
    api.watches.append(events(event("ADDED", pod("b", 8))))
    observer.watch.follow({NAMESPACE})
    await observer.sees("b")
    assert versions_watched(api)[:2] == ["5", "7"]


async def test_silence_is_a_cut(api: FakeApi, observer: Observer) -> None:
    api.lists.append(pod_list([pod("a", 5)], 5))
    api.watches.append(events())
    api.watches.append(events(event("ADDED", pod("b", 8))))
    observer.watch.follow({NAMESPACE})
    await observer.sees("a", "b")
    assert versions_watched(api)[:2] == ["5", "5"]


@pytest.mark.parametrize("fault", [events(gone()), refusal(410, "Expired")], ids=["event", "status"])
async def test_a_version_that_is_too_old_leads_to_a_new_list(
    api: FakeApi, observer: Observer, fault: Answer
) -> None:
    """What the list no longer holds was deleted meanwhile: no event will ever say so."""
    api.lists.extend([pod_list([pod("a", 5), pod("b", 6)], 6), pod_list([pod("b", 6), pod("c", 60)], 70)])
    api.watches.append(fault)
    observer.watch.follow({NAMESPACE})
    await observer.sees("b", "c")


async def test_events_that_come_twice_or_late(api: FakeApi, observer: Observer) -> None:
    api.lists.append(pod_list([], 5))
    ready, loading = pod("a", 9, is_ready=True), pod("a", 7)
    scrambled: list[JsonObject] = [
        event("ADDED", loading),
        event("MODIFIED", ready),
        event("MODIFIED", ready),
        event("MODIFIED", loading),
        event("DELETED", pod("b", 12)),
        event("MODIFIED", pod("b", 11)),
        event("ADDED", pod("last", 13)),
    ]
    api.watches.append(events(*scrambled))
    observer.watch.follow({NAMESPACE})
    await observer.sees("a", "last")
    assert observer.watch.pods(NAMESPACE)["uid-of-a"].is_ready


async def test_many_events_at_once_are_one_report(api: FakeApi, observer: Observer) -> None:
    api.lists.append(pod_list([], 5))
    api.watches.append(events(*(event("ADDED", pod(f"p{number}", 10 + number)) for number in range(200))))
    observer.watch.follow({NAMESPACE})
    await observer.sees(*(f"p{number}" for number in range(200)))
    await eventually(lambda: bool(observer.changes), "it is reported")
    assert len(observer.changes) < 20


async def test_an_event_does_not_wait_for_others_to_come(api: FakeApi, client: KubeClient) -> None:
    observer = Observer(client, WatchTiming(stall_seconds=60.0, backoff=QUICK), coalesce_seconds=2.0)
    happens = asyncio.Event()
    api.lists.append(pod_list([], 5))
    api.watches.append(events(event("ADDED", pod("a", 7)), after=happens))
    observer.watch.follow({NAMESPACE})
    await eventually(lambda: bool(observer.changes), "the list is reported")
    before, at = len(observer.changes), time.monotonic()
    happens.set()
    await eventually(lambda: len(observer.changes) > before, "the event is reported")
    assert time.monotonic() - at < 1.5
    await observer.watch.close()


async def test_what_does_not_matter_is_not_reported(api: FakeApi, observer: Observer) -> None:
    may_send = asyncio.Event()

    async def heartbeat(request: web.Request) -> web.StreamResponse:
        await may_send.wait()
        return await events(event("MODIFIED", pod("a", 6)), then="end")(request)

    api.lists.append(pod_list([pod("a", 5)], 5))
    # The last one ends by itself too: a watch that falls silent is reported, once there is another.
    api.watches.extend([events(then="end"), heartbeat, events(then="end")])
    observer.watch.follow({NAMESPACE})
    await eventually(lambda: observer.watch.failure(NAMESPACE) is None, "the pods are known")
    # All changes until now are reported before this sleep ends, however busy the machine is.
    await asyncio.sleep(2 * COALESCE_SECONDS)
    before = list(observer.changes)
    may_send.set()
    await eventually(lambda: versions_watched(api).count("6") > 1, "the heartbeat was taken in long ago")
    await asyncio.sleep(2 * COALESCE_SECONDS)
    assert observer.changes == before
    assert before


async def test_lists_that_fail_are_tried_until_they_work(api: FakeApi, observer: Observer) -> None:
    api.lists.extend([refusal(403, "Forbidden", retry_after="0.3"), reset(), refusal(429, "TooManyRequests")])
    api.lists.append(pod_list([pod("a", 5)], 5))
    observer.watch.follow({NAMESPACE})
    await eventually(lambda: "Forbidden" in str(observer.watch.failure(NAMESPACE)), "the refusal is said")
    await observer.sees("a")
    await eventually(lambda: observer.watch.failure(NAMESPACE) is None, "it is current")


async def test_a_broken_line_and_an_object_of_another_form_are_survived(
    api: FakeApi, observer: Observer
) -> None:
    api.lists.append(pod_list([pod("a", 5)], 5))
    api.watches.append(events('{"type": "ADDED", "object": {"meta', then="end"))
    api.watches.append(events({"type": "ADDED", "object": {}}))
    api.lists.append(pod_list([pod("a", 5), pod("b", 8)], 9))
    observer.watch.follow({NAMESPACE})
    await observer.sees("a", "b")
