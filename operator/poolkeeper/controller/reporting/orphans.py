"""The condition NoOrphans: whether a worker can hold each request in flight, and else how to look at them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from poolkeeper.advice.orphans import remedy
from poolkeeper.api.demand import DemandSource
from poolkeeper.api.status import ConditionStatus
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.pool.history import MESSAGE_LENGTH
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.core.policy.say import count
from poolkeeper.core.tuning import UNDECLARED_SERVICE_FACTOR, UNDECLARED_SERVICE_SECONDS
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.observation import Reading, of_source
from poolkeeper.sources.registry import keeps_in_flight

NONE_SEEN = Verdict(True, "NoneSeen", "no request in flight is seen to have lost its worker")
DEMAND_UNKNOWN = Verdict(None, "DemandUnknown", "requests in flight can't be seen while demand is unknown")
TARGET_UNKNOWN = Verdict(None, "TargetUnknown", "the replicas that may work on requests can't be seen")
STILL_WATCHED = Verdict(
    None, "StillWatched", "requests are in flight since before the operator started, and are watched again"
)
WHERE_COMMANDS_ARE = "docs/troubleshooting.md has the commands."


class Finding(NamedTuple):
    """What is wrong with the requests in flight of a source, or of the pool."""

    reason: str
    sentence: str
    commands: str


def no_orphans(pool: Pool, now: float) -> Verdict | None:
    """The verdict for the condition; None where no source keeps requests whose worker is gone."""
    declared = pool.declaration.spec
    sources = [source for source in declared.demand if keeps_in_flight(source)] if declared else []
    if not sources:
        return None
    demand = pool.observation.demand if pool.observation else ()
    pairs = [(source, of_source(demand, source.name)) for source in sources]
    read = [(source, reading) for source, reading in pairs if isinstance(reading, Reading)]
    unmoved = [_unmoved(source, reading, _limit(pool, source), now) for source, reading in read]
    found = [*filter(None, unmoved), *_surplus(pool, read)]
    if found:
        return Verdict(False, found[0].reason, _message(found))
    if len(read) < len(pairs) or not pool.is_demand_known:
        return DEMAND_UNKNOWN
    if not pool.are_replicas_known:
        return TARGET_UNKNOWN
    before = pool.history.conditions.get(ConditionType.NO_ORPHANS)
    was_bad = before is not None and before.status is not ConditionStatus.TRUE
    if was_bad and any(now - reading.found_at <= _limit(pool, source) for source, reading in read):
        return STILL_WATCHED
    return NONE_SEEN


def _limit(pool: Pool, source: DemandSource) -> float:
    """Seconds without a move that are too long. Where none are declared, long jobs have more time."""
    spec, state = pool.resolved, pool.state
    if source.max_service_seconds is not None:
        return source.max_service_seconds
    if spec is None or state is None or state.service.completions < 1.0:
        return UNDECLARED_SERVICE_SECONDS
    usual_seconds = spec.concurrency * state.service.busy_seconds / state.service.completions
    return max(UNDECLARED_SERVICE_FACTOR * usual_seconds, UNDECLARED_SERVICE_SECONDS)


def _unmoved(source: DemandSource, reading: Reading, limit: float, now: float) -> Finding | None:
    requests, since, is_all = reading.unmoved
    if not requests or now - since <= limit:
        return None
    number = count(requests, "request") if is_all else f"at least {count(requests, 'request')}"
    still = f"{_has(requests)} not moved since {format_timestamp(since)}"
    what = f"source {source.name}: {number} in flight {still}"
    others = (reading.in_flight or 0) - (requests - reading.orphaned)
    commands = _commands(source, are_all=others <= 0)
    if source.max_service_seconds is None:
        sentence = (
            f"{what}. The worker may be gone, and replicas stay up for it without end. Set "
            "maxServiceSeconds on the source, the longest time that a job may take"
        )
        return Finding("MaybeOrphaned", sentence, commands)
    sentence = (
        f"{what}, longer ago than maxServiceSeconds ({limit:.0f} s). The worker is gone, and no replica "
        f"stays up for {'it' if requests == 1 else 'them'}"
    )
    return Finding("Orphaned", sentence, commands)


def _surplus(pool: Pool, read: Sequence[tuple[DemandSource, Reading]]) -> Iterator[Finding]:
    """More in flight than slots, beside what is known to be orphaned."""
    unworked, declared = pool.decision.unworked if pool.decision else 0, pool.declaration.spec
    replicas = pool.observation.replicas if pool.observation else None
    if not (unworked and replicas and declared and read):
        return
    slots = f"{count(replicas.desired, 'replica')} with {count(declared.concurrency, 'slot')} each"
    until = (
        "without end, because maxServiceSeconds is not set"
        if any(source.max_service_seconds is None for source, _ in read)
        else "until they have not moved for maxServiceSeconds"
    )
    sentence = (
        f"{count(unworked, 'request')} in flight {_is(unworked)} held by no replica of this pool "
        f"({slots if replicas.desired else 'none runs'}). Workers are gone, are not of this pool, or "
        f"take more at once than spec.concurrency. No replica is started for such requests, and those that "
        f"run stay up for them {until}"
    )
    commands = _commands(read[0][0], are_all=not replicas.desired) if len(read) == 1 else ""
    yield Finding("MoreThanSlots", sentence, commands)


def _has(number: int) -> str:
    return "has" if number == 1 else "have"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _commands(source: DemandSource, *, are_all: bool) -> str:
    found = remedy(source, are_all=are_all)
    if found is None:
        return ""
    verb = "To have a worker take them over" if source.redis_stream else "To put one back"
    return f" To look: {found.look}. {verb}: {found.put_back}."


def _message(found: Sequence[Finding]) -> str:
    """All sentences, each with its commands where they fit."""
    text = " ".join(f"{finding.sentence}.{finding.commands}" for finding in found)
    if len(text) <= MESSAGE_LENGTH:
        return text
    plain = " ".join(f"{finding.sentence}." for finding in found)
    return f"{plain[: MESSAGE_LENGTH - len(WHERE_COMMANDS_ARE) - 1]} {WHERE_COMMANDS_ARE}"
