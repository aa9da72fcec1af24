"""Keeps the bills of all pools in ConfigMaps, hour by hour, also of pools that are deleted.

A pool's status has the running hour. Once an hour is over, the leader enters it on the pool's page in one of
SHARDS ConfigMaps, and what was deleted within a minute. An hour in which nothing was paid for is not entered,
so pools at zero cause no request.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple, Protocol
from zlib import crc32

from poolkeeper.controller.billing.metering import compare, resume, today
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.billing.amounts import HOUR, Rows, number_of
from poolkeeper.core.billing.books import closed
from poolkeeper.core.billing.meter import projected, was_booked
from poolkeeper.core.billing.pages import Page, book, from_text, is_of_another_version, shortened, to_text
from poolkeeper.core.values.decision import Verdict
from poolkeeper.kube.objects.config_maps import Kept
from poolkeeper.kube.transport.errors import ApiError, KubeFailure

logger = logging.getLogger(__name__)

SHARDS = 256
"""ConfigMaps at most; of 10,000 pools, 40 share one."""
PASS_SECONDS = 60.0
SHARDS_APART_SECONDS = 0.05
MOST_BYTES = 900_000
"""Of the texts of one ConfigMap; the API server refuses more than 1 MiB."""
MOST_PAGES = 2_000
"""Pools of one ConfigMap; beyond that, those that were deleted first go."""
GONE_REMEMBERED = 10_000
LABEL = "poolkeeper.dev/bill"


class Entry(NamedTuple):
    """What is booked of one pool."""

    uid: str
    page: Page
    """Without rows."""
    rows: Rows


class ConfigMaps(Protocol):
    """The ConfigMaps of one namespace."""

    async def read(self, name: str) -> Kept | None:
        """One by its name; None where there is none. Raises KubeFailure."""

    async def write(self, name: str, kept: Kept) -> None:
        """Replace it, or create it. Raises KubeFailure."""


class BillKeeper:
    """Books hours that are over. Only the leader writes."""

    def __init__(
        self,
        maps: ConfigMaps,
        store: Store,
        leadership: Leads,
        clock: Callable[[], float],
        *,
        name: str,
    ) -> None:
        self._maps = maps
        self._store = store
        self._leadership = leadership
        self._clock = clock
        self._name = name
        self._gone: dict[str, Entry] = {}

    def gone(self, pool: Pool) -> None:
        """A pool was deleted: what was counted of it until now is booked at the next pass."""
        found = _entry(pool, self._clock(), is_gone=True)
        if found is not None and len(self._gone) < GONE_REMEMBERED:
            self._gone[found.uid] = found

    async def run(self) -> None:
        """Book what is over, a pass a minute."""
        while True:
            await asyncio.sleep(PASS_SECONDS)
            if self._leadership.may_write():
                await self.book()

    async def book(self) -> None:
        """One pass. What can't be written now is tried again at the next."""
        shards: dict[str, list[Entry]] = {}
        for entry in (*self._gone.values(), *self._over()):
            shard = f"{self._name}-{crc32(entry.uid.encode()) % SHARDS:03}"
            shards.setdefault(shard, []).append(entry)
        for name, entries in shards.items():
            try:
                await self._write(name, entries)
            except (KubeFailure, TimeoutError, NotLeading) as failure:
                self._failed(failure)
                if isinstance(failure, NotLeading) or _is_forbidden(failure):
                    return
            else:
                self._say(None)
                self._booked(entries)
            await asyncio.sleep(SHARDS_APART_SECONDS)

    def _over(self) -> list[Entry]:
        """Of each pool the hours that are over. Between full hours, only what failed before is left."""
        now = self._clock()
        found = [_entry(pool, now, is_gone=False) for pool in self._store.all()]
        return [each for each in found if each is not None]

    async def _write(self, name: str, entries: list[Entry]) -> None:
        kept = await self._maps.read(name) or Kept({}, "")
        pages = {key: page for key, text in kept.texts.items() if (page := from_text(text)) is not None}
        for entry in entries:
            before = pages.get(entry.uid)
            page = entry.page if before is None else entry.page._replace(hours=before.hours, days=before.days)
            pages[entry.uid] = book(page, entry.rows)
        others = {key: text for key, text in kept.texts.items() if is_of_another_version(text)}
        async with self._leadership.writing():
            await self._maps.write(name, Kept(_bounded(pages, others), kept.version))

    def _booked(self, entries: list[Entry]) -> None:
        by_uid = {entry.uid: entry for entry in entries}
        for uid in by_uid:
            self._gone.pop(uid, None)
        for pool in self._store.all():
            entry = by_uid.get(pool.declaration.uid)
            if entry is not None and pool.meter is not None and entry.rows:
                pool.meter = was_booked(pool.meter, entry.rows[-1].number)

    def _failed(self, failure: Exception) -> None:
        if _is_forbidden(failure):
            self._say(
                Verdict(
                    False,
                    "BillForbidden",
                    "the operator may not get, create and update ConfigMaps in its own namespace: the bill "
                    "has nothing older than a day and nothing of pools that are deleted: install the chart's "
                    f"Role {self._name}",
                )
            )
        else:
            logger.warning("Bills are not kept yet, and tried again: %s", failure or "timeout")

    def _say(self, problem: Verdict | None) -> None:
        if problem is not None and problem != self._store.bill_problem:
            logger.warning("Bills are not kept: %s", problem.message)
        self._store.bill_problem = problem


def _entry(pool: Pool, now: float, *, is_gone: bool) -> Entry | None:
    """What is to book of a pool now; None where that is nothing. The meter goes on from here."""
    meter = pool.meter
    if is_gone and meter is None:
        # A replica that does not lead has no meter between two looks.
        meter = resume(pool, now)
    if meter is None or (meter.is_resumed and not is_gone):
        return None
    if pool.meter is not None and not is_gone:
        compare(pool, now)
        meter = pool.meter
    if meter.running.groups or meter.running.tails:
        meter = projected(meter, now, today(pool, now))
        pool.meter = pool.meter and meter
    books = meter.books
    rows = books.hours if is_gone else closed(books, now)
    if not rows:
        return None
    until = now if is_gone else number_of(now, HOUR) * HOUR
    spec, key = pool.declaration.spec, pool.key
    most = spec.replicas.max if spec else 0
    page = Page(key.namespace, key.name, meter.first_at, until, is_gone, most, pool.unit)
    return Entry(pool.declaration.uid, page, rows)


def _bounded(pages: dict[str, Page], others: dict[str, str]) -> dict[str, str]:
    """The texts of all pages that fit: of deleted pools, the oldest are left out first, then old days.
    `others` are kept as they are, as far as they fit."""
    ordered = sorted(pages.items(), key=lambda each: (not each[1].is_gone, each[1].until))
    texts = {uid: to_text(page) for uid, page in ordered[-MOST_PAGES:]}
    size = sum(map(len, texts.values()))
    for uid, page in ordered:
        if size <= MOST_BYTES:
            break
        size -= len(texts.pop(uid, ""))
        if not page.is_gone:
            texts[uid] = to_text(shortened(page))
            size += len(texts[uid])
    for key, text in others.items():
        if key not in texts and size + len(text) <= MOST_BYTES:
            texts[key], size = text, size + len(text)
    return texts


def _is_forbidden(failure: Exception) -> bool:
    return isinstance(failure, ApiError) and failure.status == 403
