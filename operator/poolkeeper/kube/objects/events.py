"""Kubernetes events about pools: one object per pool, reason and message, with a count of repetitions.

Events are for people: no part of the operator waits for them, and a failed write is only counted.
"""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from poolkeeper.api.base import API_VERSION
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.transport.fields import number
from poolkeeper.kube.transport.paths import namespaced_path

logger = logging.getLogger(__name__)

BURST = 20
REFILL_SECONDS = 30.0
"""A pool may have 20 events at once, and then 2 per minute."""
PENDING = 1000
REMEMBERED = 10_000
MESSAGE_BYTES = 1024
NAME_LENGTH = 200


class EventType(StrEnum):
    """How urgent an event is, as kubectl shows it."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Happening(NamedTuple):
    """Something that happened to a pool, not yet written as an event."""

    pool: PoolKey
    uid: str
    type: EventType
    reason: str
    message: str

    @property
    def event_name(self) -> str:
        """Name of its event. Every replica of the operator gives the same happening the same name."""
        identity = "\0".join((self.uid, self.reason, self.message))
        digest = hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()
        # The part of an object's name before a dot must end in a letter or digit.
        return f"{self.pool.name[:NAME_LENGTH].rstrip('-.')}.{digest}"


class TokenBucket:
    """Holds `capacity` permissions at first and at most, and gains one every `refill_seconds`."""

    def __init__(self, capacity: int, refill_seconds: float, now: float) -> None:
        self._capacity = capacity
        self._refill_seconds = refill_seconds
        self._filled_at = now
        self._tokens = float(capacity)

    def take(self, now: float) -> bool:
        """Whether it may happen now; if so, it counts as having happened."""
        gained = max(0.0, now - self._filled_at) / self._refill_seconds
        self._tokens = min(self._capacity, self._tokens + gained)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class EventRecorder:
    """Takes happenings at any time and writes them one after the other while `run` runs.

    `on_drop` is called for each that is given up: its pool had too many, too many wait, or it was refused.
    """

    def __init__(
        self, client: KubeClient, clock: Callable[[], float], *, on_drop: Callable[[], None], host: str = ""
    ) -> None:
        self._on_drop = on_drop
        self._client = client
        self._clock = clock
        self._source = {"component": "poolkeeper", "host": host}
        self._pending: asyncio.Queue[Happening] = asyncio.Queue(PENDING)
        self._buckets: OrderedDict[PoolKey, TokenBucket] = OrderedDict()

    def record(self, pool: PoolKey, uid: str, event_type: EventType, reason: str, message: str) -> None:
        """Queue an event; returns at once and never raises."""
        if not self._bucket(pool).take(self._clock()):
            self._on_drop()
            return
        try:
            self._pending.put_nowait(Happening(pool, uid, event_type, reason, _cut(message)))
        except asyncio.QueueFull:
            self._on_drop()

    async def run(self) -> None:
        """Write queued events until cancelled."""
        while True:
            happening = await self._pending.get()
            try:
                await self._write(happening)
            except KubeFailure as failure:
                self._on_drop()
                logger.info("event %s of pool %s not written: %s", happening.reason, happening.pool, failure)

    def _bucket(self, pool: PoolKey) -> TokenBucket:
        bucket = self._buckets.pop(pool, None) or TokenBucket(BURST, REFILL_SECONDS, self._clock())
        self._buckets[pool] = bucket
        while len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket

    async def _write(self, happening: Happening) -> None:
        """Create the event, or raise its count where this replica or an earlier leader has created it."""
        try:
            await self._client.request("POST", _path(happening), body=self._event(happening))
        except ApiError as failure:
            if failure.status != 409:
                raise
            await self._raise_count(_path(happening, happening.event_name))

    async def _raise_count(self, path: str) -> None:
        found = await self._client.request("GET", path)
        count = max(1, number(found.get("count"))) + 1
        patch = {"count": count, "lastTimestamp": format_timestamp(self._clock())}
        await self._client.request("PATCH", path, body=patch, content_type="application/merge-patch+json")

    def _event(self, happening: Happening) -> JsonObject:
        pool, now = happening.pool, format_timestamp(self._clock())
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": happening.event_name, "namespace": pool.namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": "AcceleratorPool",
                "namespace": pool.namespace,
                "name": pool.name,
                "uid": happening.uid,
            },
            "type": happening.type,
            "reason": happening.reason,
            "message": happening.message,
            "source": self._source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _path(happening: Happening, *name: str) -> str:
    return namespaced_path("v1", happening.pool.namespace, "events", *name)


def _cut(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= MESSAGE_BYTES:
        return message
    return encoded[: MESSAGE_BYTES - 3].decode(errors="ignore") + "…"
