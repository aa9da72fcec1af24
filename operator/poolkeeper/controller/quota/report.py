"""The status of quotas: what is used, who waits, and what is not known."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from poolkeeper.api.accelerator_quota import (
    WAITING_SHOWN,
    AcceleratorQuotaStatus,
    QuotaUse,
    ShareUse,
    WaitingPool,
)
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.controller.loop.patience import Patience
from poolkeeper.controller.pool.history import History
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.quota.declared import Declared, say_amount, say_dollars
from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.controller.quota.verdicts import quota_verdicts
from poolkeeper.controller.quota.words import in_short, name_of
from poolkeeper.core.quota.books import Books
from poolkeeper.core.quota.quota import Amounts, Measure, Unit
from poolkeeper.kube.transport.errors import ApiError, KubeFailure

Status = Mapping[str, Any]
WriteStatus = Callable[[str, str, Status], Awaitable[ApiError | None]]


@dataclass(slots=True)
class _Written:
    """What is known of the status of one quota."""

    uid: str
    history: History
    status: Status = field(default_factory=dict)
    patience: Patience = field(default_factory=lambda: Patience("The status of a quota can't be written"))


class QuotaReporter:
    """Writes the statuses of quotas, while this replica leads."""

    def __init__(self, quotas: Quotas, store: Store, leadership: Leads, clock: Callable[[], float]) -> None:
        self._quotas = quotas
        self._store = store
        self._leadership = leadership
        self._clock = clock
        self._written: dict[str, _Written] = {}

    async def report(self, write: WriteStatus) -> None:
        """Write each status that has changed."""
        for name in self._written.keys() - self._quotas.declared.keys():
            del self._written[name]
        for name, declared in list(self._quotas.declared.items()):
            if not self._leadership.may_write():
                self._written.clear()
                return
            known = self._written.get(name)
            if known is None or known.uid != declared.seen.uid:
                history = History.from_status(declared.seen.status)
                known = self._written[name] = _Written(declared.seen.uid, history, declared.seen.status)
            await self._report(declared, known, write)

    async def _report(self, declared: Declared, known: _Written, write: WriteStatus) -> None:
        books, now = self._quotas.bank.books[declared.seen.name], self._clock()
        known.history.judge(quota_verdicts(self._quotas, self._store, declared), now)
        status = self._status(declared, books, known.history)
        if status == known.status or now < known.patience.until:
            return
        try:
            async with self._leadership.writing():
                rejected = await write(declared.seen.name, declared.seen.uid, status)
        except (KubeFailure, TimeoutError, NotLeading) as failure:
            known.patience.until = now + known.patience.failed(failure)
            return
        if rejected:
            known.patience.failed(rejected)
        else:
            known.patience.succeeded()
        known.status = status

    def _status(self, declared: Declared, books: Books, history: History) -> Status:
        waiting = sorted(self._waiting(books), key=lambda each: (each.holds - each.needs, each.pool))
        status = AcceleratorQuotaStatus(
            observed_generation=declared.seen.generation,
            used=in_short(books)[:1024],
            pools=len(books.members),
            waiting=len(waiting),
            measures=tuple(
                QuotaUse(measure=name_of_measure(each), used=_plain(each, used), limit=_plain(each, limit))
                for each, used, limit in zip(
                    books.quota.measures, books.used, books.quota.limits, strict=True
                )
            ),
            shares=tuple(self._shares(books)),
            waiting_pools=tuple(waiting[:WAITING_SHOWN]),
            conditions=tuple(history.conditions.values()),
        )
        return status.model_dump(mode="json", by_alias=True, exclude_none=True)

    def _waiting(self, books: Books) -> Iterator[WaitingPool]:
        for holder in books.waiting:
            position = self._quotas.bank.position(holder)
            if position is not None:
                yield WaitingPool(pool=name_of(holder), holds=position.held, needs=position.stake.wanted)

    def _shares(self, books: Books) -> Iterator[ShareUse]:
        if len(books.quota.shares) < 2:
            return
        pools, waiting = [0] * len(books.quota.shares), [0] * len(books.quota.shares)
        for holder in books.members:
            position = self._quotas.bank.position(holder)
            if position is not None:
                index = position.parts[books.quota.name].share
                pools[index] += 1
                waiting[index] += holder in books.waiting
        for index, share in enumerate(books.quota.shares):
            used = tuple(books.by_share[index])
            borrowed = beyond(share.guaranteed, used)
            yield ShareUse(
                name=share.name or "(others)",
                pools=pools[index],
                used=_amounts(books.quota.measures, used),
                borrowed=_amounts(books.quota.measures, borrowed) if any(borrowed) else None,
                waiting=waiting[index] or None,
            )


def beyond(guaranteed: tuple[int | None, ...], used: Amounts) -> Amounts:
    """What is used beyond a guarantee; nothing where there is none."""
    if not guaranteed:
        return ()
    pairs = zip(guaranteed, used, strict=True)
    return tuple(0 if amount is None else max(0, each - amount) for amount, each in pairs)


def name_of_measure(measure: Measure) -> str:
    """A measure as statuses and metrics name it."""
    if measure.unit is Unit.CHIPS:
        return f"{measure.accelerator} chips"
    return "watts" if measure.unit is Unit.WATTS else "dollars per hour"


def _plain(measure: Measure, amount: int) -> str:
    return say_dollars(amount).replace("$", "") if measure.unit is Unit.MICRO_DOLLARS else str(amount)


def _amounts(measures: tuple[Measure, ...], amounts: Amounts) -> str:
    said = [say_amount(measure, amount) for measure, amount in zip(measures, amounts, strict=True) if amount]
    return (", ".join(said) or "nothing")[:1024]
