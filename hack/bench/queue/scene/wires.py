"""How jobs reach workers in a simulated Redis: BRPOP, BLMOVE with a processing list, a stream's group.

A worker that waits is blocked in Redis, and a job that comes gets to the one that has waited longest at once:
the queue's length stays 0 then, as in Redis.
"""

from collections import Counter, deque
from collections.abc import Callable
from enum import StrEnum
from itertools import count
from typing import Any, Protocol

from hack.bench.queue.scene.memory_redis import Client, MemoryRedis, Pending, Stream

QUEUE, PROCESSING, GROUP = "jobs", "jobs-in-progress", "workers"


class WireKind(StrEnum):
    """A way in which workers take jobs."""

    BRPOP = "BRPOP"
    LMOVE = "LMOVE"
    STREAM = "stream"


class Worker(Protocol):
    """A process that takes one job at a time."""

    name: str

    def begin(self, job: int) -> None:
        """Work on a job."""


class Wire:
    """One queue with its workers; a job is a number. A worker that waits asks again every `wait_seconds`, or
    blocks for as long as it takes where that is 0."""

    kind = WireKind.BRPOP
    command = "brpop"

    def __init__(self, redis: MemoryRedis, wait_seconds: float) -> None:
        self._redis, self._wait_seconds = redis, wait_seconds
        self._clients: dict[str, Client] = {}
        self._numbers = count(1)
        self._attempts: Counter[int] = Counter()
        self._jobs: list[bytes] = []
        if self.kind is not WireKind.STREAM:
            redis.lists[QUEUE.encode()] = self._jobs
        self._waiting: deque[tuple[Worker, float]] = deque()
        redis.clients = self._shown_clients

    def source(self, address: str, longest_seconds: float) -> dict[str, Any]:
        """How a pool declares this queue."""
        declared = {"address": address, "list": QUEUE}
        return {"name": "jobs", "maxServiceSeconds": round(longest_seconds), "redisList": declared}

    def put(self, job: int) -> None:
        """A producer adds a job, or a job is put back: its entry has the number of the attempt."""
        self._attempts[job] += 1
        self._jobs.append(self._entry(job))
        self._serve()

    def wait(self, worker: Worker) -> None:
        """A worker asks for its next job."""
        self._note(worker)
        self._waiting.append((worker, self._redis.now()))
        self._serve()

    def leave(self, worker: Worker) -> None:
        """A worker asks for no more jobs."""
        self._waiting = deque(each for each in self._waiting if each[0] is not worker)

    def end(self, worker: Worker) -> None:
        """The process of a worker has ended."""
        self.leave(worker)
        self._clients.pop(worker.name, None)

    def finished(self, worker: Worker, job: int) -> None:
        """A worker reports a job as done."""

    def died(self, worker: Worker, job: int) -> None:
        """A worker ended in the middle of a job: with BRPOP no one knows of it."""

    def put_back(self, is_alive: Callable[[str], bool], after_seconds: float) -> None:
        """What finds jobs of dead workers after a while, if anything does."""

    def has_shown(self, job: int) -> bool:
        """Whether the queue has shown a job that a worker has in hand."""
        return self.kind is not WireKind.BRPOP or self._entry(job) in self._redis.shown

    def _entry(self, job: int) -> bytes:
        return f"{job}:{self._attempts[job]}".encode()

    def _serve(self) -> None:
        while self._jobs and self._waiting:
            worker, _ = self._waiting.popleft()
            job = int(self._jobs.pop(0).partition(b":")[0])
            self._note(worker)
            self._take(worker, job)
            worker.begin(job)

    def _take(self, worker: Worker, job: int) -> None:
        """The same command that delivers the job."""

    def _note(self, worker: Worker) -> None:
        """It asks for something, or is answered."""
        now = self._redis.now()
        known = self._clients.get(worker.name)
        if known is None:
            self._clients[worker.name] = Client(next(self._numbers), now, now, self.command)
        else:
            known.asked_at = now

    def _shown_clients(self) -> tuple[Client, ...]:
        for worker, since in self._waiting if self._wait_seconds else ():
            asked_before = (self._redis.now() - since) // self._wait_seconds * self._wait_seconds
            self._clients[worker.name].asked_at = since + asked_before
        return tuple(self._clients.values())


class LmoveWire(Wire):
    """A job in hand stands in the processing list, with the instant at which it was moved there."""

    kind = WireKind.LMOVE
    command = "blmove"

    def __init__(self, redis: MemoryRedis, wait_seconds: float) -> None:
        super().__init__(redis, wait_seconds)
        self._processing = redis.lists[PROCESSING.encode()] = []
        self._taken: dict[int, tuple[str, float]] = {}

    def source(self, address: str, longest_seconds: float) -> dict[str, Any]:
        """How a pool declares this queue."""
        found = super().source(address, longest_seconds)
        found["redisList"]["processingList"] = PROCESSING
        return found

    def finished(self, worker: Worker, job: int) -> None:
        """LREM of the job."""
        self._forget(job)

    def put_back(self, is_alive: Callable[[str], bool], after_seconds: float) -> None:
        """A person, or a cron job, moves what dead workers have left back into the queue, as it is."""
        oldest = self._redis.now() - after_seconds
        for job, (worker, at) in list(self._taken.items()):
            if at <= oldest and not is_alive(worker):
                self._forget(job)
                self.put(job)

    def _entry(self, job: int) -> bytes:
        """LMOVE changes no entry: one that is put back and taken at once looks as before."""
        return str(job).encode()

    def _take(self, worker: Worker, job: int) -> None:
        self._processing.append(self._entry(job))
        self._redis.touch(PROCESSING)
        self._taken[job] = worker.name, self._redis.now()

    def _forget(self, job: int) -> None:
        self._processing.remove(self._entry(job))
        self._redis.touch(PROCESSING)
        del self._taken[job]


class StreamWire(Wire):
    """A job in hand is pending for its consumer; workers that wait claim what dead ones have left."""

    kind = WireKind.STREAM
    command = "xreadgroup"

    def __init__(self, redis: MemoryRedis, wait_seconds: float) -> None:
        super().__init__(redis, wait_seconds)
        self._stream = redis.streams[QUEUE.encode()] = Stream()
        self._ids: dict[int, tuple[int, int]] = {}
        self._jobs_by_id: dict[tuple[int, int], int] = {}

    def source(self, address: str, longest_seconds: float) -> dict[str, Any]:
        """How a pool declares this queue."""
        declared = {"address": address, "stream": QUEUE, "group": GROUP}
        return {"name": "jobs", "maxServiceSeconds": round(longest_seconds), "redisStream": declared}

    def put(self, job: int) -> None:
        """XADD."""
        entry = int(1000 * self._redis.now()), len(self._stream.entries)
        self._stream.entries.append(entry)
        self._ids[job], self._jobs_by_id[entry] = entry, job
        super().put(job)

    def finished(self, worker: Worker, job: int) -> None:
        """XACK."""
        self._stream.pending.pop(self._ids[job], None)

    def put_back(self, is_alive: Callable[[str], bool], after_seconds: float) -> None:
        """XAUTOCLAIM by workers that wait."""
        oldest = self._redis.now() - after_seconds
        for entry, pending in sorted(self._stream.pending.items()):
            if not self._waiting:
                return
            if pending.delivered_at <= oldest:
                worker, _ = self._waiting.popleft()
                self._deliver(worker, entry, pending.deliveries + 1)
                worker.begin(self._jobs_by_id[entry])

    def _take(self, worker: Worker, job: int) -> None:
        self._stream.delivered += 1
        self._deliver(worker, self._ids[job], 1)

    def _deliver(self, worker: Worker, entry: tuple[int, int], deliveries: int) -> None:
        now = self._redis.now()
        self._stream.pending[entry] = Pending(worker.name, now, deliveries)
        self._stream.consumers[worker.name] = now


WIRES = {wire.kind: wire for wire in (Wire, LmoveWire, StreamWire)}
