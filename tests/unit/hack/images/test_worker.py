import importlib.util
import threading
from types import ModuleType
from typing import Any

import pytest
import redis

from hack.kindcluster.machine.versions import HACK


@pytest.fixture
def sample() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sample_worker", HACK / "images/worker/worker.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TwoLists:
    """The lists in one Redis, which a test may let fail now and then."""

    def __init__(self, *jobs: str, failures: int = 0) -> None:
        self.jobs = list(jobs)
        self.processing: list[str] = []
        self.done: list[str] = []
        self.failures = failures

    def fail_now_and_then(self) -> None:
        if self.failures:
            self.failures -= 1
            raise redis.ConnectionError("away")

    def blmove(self, source: str, target: str, timeout: float, *sides: str) -> str | None:
        self.fail_now_and_then()
        if self.jobs:
            self.processing.append(self.jobs.pop(0))
            return self.processing[-1]
        return None

    def lrem(self, name: str, count: int, job: str) -> None:
        self.fail_now_and_then()
        self.processing.remove(job)
        self.done.append(job)


def quick_worker(sample: ModuleType, **settings: str) -> Any:
    """A worker that takes 20 ms for a job and tries again after 10 ms, unless settings say otherwise."""
    return sample.Worker(sample.Settings.of({"SERVICE_SECONDS": "0.02", **settings}), retry_seconds=0.01)


@pytest.mark.parametrize("failures", [0, 3])
def test_jobs_are_worked_off_in_order_also_across_a_redis_that_is_away(
    sample: ModuleType, failures: int
) -> None:
    lists = TwoLists("a", "b", "c", failures=failures)
    worker = quick_worker(sample)
    thread = threading.Thread(target=worker.work, args=(lists,))
    thread.start()
    while len(lists.done) < 3:
        thread.join(0.01)
    worker.stopping.set()
    thread.join()

    assert lists.done == ["a", "b", "c"]
    assert lists.processing == []


def test_a_worker_told_to_stop_finishes_the_job_in_hand_and_begins_no_other(
    sample: ModuleType,
) -> None:
    lists = TwoLists("a", "b")
    worker = quick_worker(sample, SERVICE_SECONDS="0.2")
    thread = threading.Thread(target=worker.work, args=(lists,))
    thread.start()
    while not lists.processing:
        thread.join(0.01)
    worker.stopping.set()
    thread.join()

    assert (lists.done, lists.processing, lists.jobs) == (["a"], [], ["b"])


@pytest.mark.parametrize(
    ("settings", "stopped", "loaded"),
    [
        ({"LOAD_SECONDS": "0.01"}, False, True),
        ({"LOAD_SECONDS": "0", "LOAD_JITTER_SECONDS": "0.01"}, False, True),
        ({"LOAD_SECONDS": "0.01", "FAIL_PERCENT": "100"}, False, False),
        ({"LOAD_SECONDS": "3600"}, True, False),
    ],
    ids=["loads", "with jitter", "fails", "is stopped while loading"],
)
def test_it_is_ready_once_loaded(
    sample: ModuleType, settings: dict[str, str], stopped: bool, loaded: bool
) -> None:
    worker = sample.Worker(sample.Settings.of(settings))
    if stopped:
        worker.stopping.set()

    assert loaded == worker.load()
    assert loaded == worker.loaded.is_set()


@pytest.mark.parametrize(("delay", "is_ready"), [("0", True), ("3600", False)])
def test_its_probe_may_pass_later_than_it_takes_jobs(sample: ModuleType, delay: str, is_ready: bool) -> None:
    worker = sample.Worker(sample.Settings.of({"READY_DELAY_SECONDS": delay}))
    assert not worker.is_ready()
    assert worker.load()
    assert worker.is_ready() == is_ready


class AnyQueue:
    """Hands out one job however it is asked for, and notes how, and what is reported."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.done: list[str] = []

    def brpop(self, keys: list[str], timeout: float) -> tuple[str, str] | None:
        return (keys[0], "a") if self._first("brpop") else None

    def xreadgroup(self, *_: Any, **__: Any) -> list[Any]:
        return [["jobs", [("a", {"n": "1"})]]] if self._first("xreadgroup") else []

    def xack(self, *words: str) -> None:
        self.calls.append("xack")

    def sadd(self, key: str, job: str) -> None:
        self.done.append(job)

    def _first(self, call: str) -> bool:
        is_first = call not in self.calls
        self.calls.append(call)
        return is_first


@pytest.mark.parametrize(
    ("take", "calls"), [("BRPOP", {"brpop"}), ("STREAM", {"xreadgroup", "xack"}), ("NOTHING", set())]
)
def test_tests_make_other_workers_of_it(sample: ModuleType, take: str, calls: set[str]) -> None:
    queue = AnyQueue()
    worker = quick_worker(sample, TAKE=take, REDIS_DONE="done")
    thread = threading.Thread(target=worker.work, args=(queue,))
    thread.start()
    while calls and not queue.done:
        thread.join(0.01)
    worker.stopping.set()
    thread.join()
    assert set(queue.calls) == calls
    assert queue.done == (["a"] if calls else [])
