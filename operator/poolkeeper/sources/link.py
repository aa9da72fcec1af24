"""Polls one server for every queue on it: one task, one connection, one batch of all queues that are due."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from poolkeeper.backoff import Backoff
from poolkeeper.sources.addresses import AddressPolicy
from poolkeeper.sources.base import Clock, ConnectionLost, CredentialsRejected, ReplyTooLarge, SourceFailure
from poolkeeper.sources.queue import Server, Session
from poolkeeper.sources.watch import Watch

logger = logging.getLogger(__name__)

BATCH_QUEUES = 1_000
RETRIES = Backoff(first_seconds=0.25, longest_seconds=5.0)


@dataclass(slots=True)
class _Round:
    """The watches that share a poll interval; `due_at` is in the event loop's time."""

    poll_seconds: float
    due_at: float
    watches: dict[Watch, None] = field(default_factory=dict)


class Link:
    """The connection to one server; `rejected` is called with the watches whose login was refused."""

    def __init__(
        self,
        server: Server,
        *,
        allowed: AddressPolicy,
        clock: Clock,
        rejected: Callable[[Iterable[Watch]], None],
    ) -> None:
        self._server = server
        self._allowed = allowed
        self._clock = clock
        self._rejected = rejected
        self._rounds: dict[float, _Round] = {}
        self._unread: dict[Watch, None] = {}
        self._changed = asyncio.Event()
        self._session: Session | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no pool needs this server any more."""
        return not self._rounds

    def add(self, watch: Watch) -> None:
        """Poll for one more watch, at once."""
        now = asyncio.get_running_loop().time()
        shared = self._rounds.setdefault(watch.poll_seconds, _Round(watch.poll_seconds, now))
        shared.watches[watch] = None
        self._unread[watch] = None
        self._changed.set()

    def remove(self, watch: Watch) -> None:
        """Stop polling for this watch."""
        self._unread.pop(watch, None)
        shared = self._rounds.get(watch.poll_seconds)
        if shared is not None:
            shared.watches.pop(watch, None)
            if not shared.watches:
                del self._rounds[watch.poll_seconds]

    async def run(self) -> None:
        """Poll until cancelled; no failure of a server ends it."""
        failures = 0
        try:
            while True:
                await self._wait_until_due()
                failure = await self._poll_due()
                if failure is None:
                    failures = 0
                    continue
                await asyncio.sleep(RETRIES.pause_seconds(failures))
                failures += 1
        finally:
            self._drop_session()

    async def _wait_until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            if self._unread:
                return
            due_at = min((each.due_at for each in self._rounds.values()), default=None)
            if due_at is not None and due_at <= loop.time():
                return
            try:
                async with asyncio.timeout_at(due_at):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def _poll_due(self) -> SourceFailure | None:
        """Read the queues that are due. If the server can't be read, fail all its watches and return the
        reason."""
        started_at = self._clock()
        try:
            for batch in _batches(self._take_due()):
                await self._read(batch)
        except SourceFailure as failure:
            return self._fail(await self._server.diagnosed(failure, self._allowed), started_at)
        except Exception:
            logger.exception("Reading queues has failed unexpectedly")
            fault = SourceFailure(
                "InternalError",
                "reading the queue failed: this is a bug, see the operator's log",
            )
            return self._fail(fault, started_at)
        return None

    def _take_due(self) -> list[Watch]:
        """The watches that are new or due. The next poll keeps the rhythm, unless it is late already."""
        now = asyncio.get_running_loop().time()
        due, self._unread = self._unread, {}
        for each in self._rounds.values():
            if each.due_at <= now:
                due.update(each.watches)
                beat = each.due_at + each.poll_seconds
                each.due_at = beat if beat > now else now + each.poll_seconds
        return list(due)

    async def _read(self, batch: list[Watch]) -> None:
        """Read a batch. A queue whose entries are too large to be read fails alone, and is read alone from
        now on."""
        try:
            await self._read_reconnecting(batch)
        except ReplyTooLarge as failure:
            self._drop_session()
            if len(batch) == 1:
                batch[0].is_read_alone = True
                batch[0].fail(failure, self._clock())
                return
            half = len(batch) // 2
            await self._read(batch[:half])
            await self._read(batch[half:])

    async def _read_reconnecting(self, batch: list[Watch]) -> None:
        was_open = self._session is not None
        try:
            await self._read_once(batch)
        except ConnectionLost:
            # Servers and proxies close idle connections: it is an outage only if a new one fails too.
            self._drop_session()
            if not was_open:
                raise
            await self._read_once(batch)

    async def _read_once(self, batch: list[Watch]) -> None:
        if self._session is None:
            self._session = await self._server.open(self._allowed)
        asked_at = self._clock()
        outcomes = await self._session.read([watch.queue for watch in batch])
        server_id, quiet_seconds = self._session.server_id, self._session.quiet_seconds
        for watch, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, SourceFailure):
                watch.fail(outcome, asked_at)
            else:
                watch.report(outcome, asked_at, server_id, quiet_seconds)

    def _fail(self, failure: SourceFailure, at: float) -> SourceFailure:
        self._drop_session()
        watches = [watch for each in self._rounds.values() for watch in each.watches]
        for watch in watches:
            watch.fail(failure, at)
        for each in self._rounds.values():
            each.due_at = asyncio.get_running_loop().time()
        if isinstance(failure, CredentialsRejected):
            self._rejected(watches)
        return failure

    def _drop_session(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None


def _batches(watches: list[Watch]) -> Iterator[list[Watch]]:
    together = [watch for watch in watches if not watch.is_read_alone]
    for start in range(0, len(together), BATCH_QUEUES):
        yield together[start : start + BATCH_QUEUES]
    yield from ([watch] for watch in watches if watch.is_read_alone)
