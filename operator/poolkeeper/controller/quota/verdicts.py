"""The conditions of a quota: whether it is counted, whether all use is known, and whether it is within
limits."""

from collections.abc import Iterator, Sequence

from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.quota.declared import Declared
from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.controller.quota.targets import targets_of
from poolkeeper.controller.quota.words import in_short, in_use, name_of
from poolkeeper.core.policy.say import count, time_of_day
from poolkeeper.core.quota.books import Books
from poolkeeper.core.quota.quota import Holder
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey

MOST_NAMED = 3
"""Pools that a condition names."""
COUNTED = Verdict(True, "Counted", "the quota is counted")
ALL_KNOWN = Verdict(True, "AllKnown", "all pools were read, and what a replica of each uses is known")


def quota_verdicts(quotas: Quotas, store: Store, declared: Declared) -> dict[str, Verdict]:
    """All conditions of a quota, by type."""
    books = quotas.bank.books[declared.seen.name]
    return {
        "Ready": declared.problem or COUNTED,
        "Known": _known(quotas, store, books),
        "WithinLimits": _within_limits(store, books),
    }


def _known(quotas: Quotas, store: Store, books: Books) -> Verdict:
    if unread := sorted(quotas.unread & books.members):
        have, until = "has" if len(unread) == 1 else "have", time_of_day(quotas.unread_until)
        return Verdict(
            None,
            "PoolsUnread",
            f"{_named(unread)} {have} not been read since the operator began to lead: until then, or until "
            f"{until}, each counts with the most replicas that it may have",
        )
    if blind := sorted(holder for holder in books.members if _is_blind(store, holder)):
        counts = "counts" if len(blind) == 1 else "count"
        return Verdict(
            False,
            "PoolUnreadable",
            f"{_named(blind)} can't be read now and {counts} with what was seen last: the condition Ready of "
            "a pool says why",
        )
    unknown = {holder: part.unknown for holder, part in quotas.bank.parts_of(books) if part.unknown}
    if unknown:
        holders = sorted(unknown)
        get = "gets" if len(holders) == 1 else "get"
        message = f"{_named(holders)} {get} no more replicas: {unknown[holders[0]]}"
        return Verdict(False, "FigureUnknown", message)
    return ALL_KNOWN


def _within_limits(store: Store, books: Books) -> Verdict:
    over = [index for index, limit in enumerate(books.quota.limits) if books.used[index] > limit]
    if not over:
        return Verdict(True, "WithinLimits", in_short(books))
    setters = ", ".join(list(_set_elsewhere(store, books))[:MOST_NAMED])
    why = setters or "the limits, or what a replica uses, were edited, or the pools had more before"
    return Verdict(
        False,
        "OverLimit",
        f"{in_use(books, over)}: {why}. Nothing is started, and idle replicas are stopped, until it fits",
    )


def _set_elsewhere(store: Store, books: Books) -> Iterator[str]:
    for holder in sorted(books.members):
        pool = store.get(PoolKey(*holder[:2]))
        if pool is not None and (foreign := pool.target.foreign) is not None:
            replicas = count(foreign.replicas, "replica")
            yield f"{foreign.writer or 'another writer'} set {name_of(holder)} to {replicas}"


def _is_blind(store: Store, holder: Holder) -> bool:
    pool = store.get(PoolKey(*holder[:2]))
    targets = targets_of(pool) if pool else ()
    return any(each.arm.target.failure is not None for each in targets if each.holder == holder)


def _named(holders: Sequence[Holder]) -> str:
    names = ", ".join(name_of(each) for each in holders[:MOST_NAMED])
    more = len(holders) - MOST_NAMED
    return f"{names} and {count(more, 'other pool')}" if more > 0 else names
