"""Reports on pools: when the status is worth a write, and which changes of conditions become events."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from poolkeeper.api.status import (
    AcceleratorPoolStatus,
    ArmStatus,
    ColdStartStatus,
    Condition,
    ConditionStatus,
    DecisionStatus,
    DemandStatus,
    ReplicaStatus,
)
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.controller.pool.contest import CONTESTED
from poolkeeper.controller.pool.history import MESSAGE_LENGTH, History, in_flight, orphaned, queued
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.controller.reporting.cost import cost_status, is_worth_keeping
from poolkeeper.controller.reporting.held import held
from poolkeeper.controller.reporting.promise import promise_status
from poolkeeper.core.learning.saved import Learned, learned, save
from poolkeeper.core.learning.starts.admission import Admission
from poolkeeper.core.learning.starts.start_time import Phases, StartTimes, spreads
from poolkeeper.core.values.decision import Reason, Verdict
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.observation import Observation, Replicas
from poolkeeper.kube.objects.events import EventRecorder, EventType
from poolkeeper.kube.transport.errors import ApiError, KubeFailure

logger = logging.getLogger(__name__)

URGENT_SECONDS = 1.0
"""Shortest time between two writes. A changed decision or condition is written as soon as this allows."""
NUMBERS_SECONDS = 60.0
"""Shortest time until a write for changed numbers, or for what was learned, alone."""
FIRST_IDLE_SECONDS = 15.0
"""Time until a pool's running idle time is first written after the operator's start, then NUMBERS_SECONDS
apart. An operator that restarts every 20 s so still saves a part of it."""
RETRY_SECONDS = 5.0
FLUSH_SECONDS = 1.0
_SAYS_HOW_LATE = {Reason.LATE, Reason.AT_CEILING, Reason.NO_START_HELPS}

Status = Mapping[str, Any]
WriteStatus = Callable[[PoolKey, str, Status], Awaitable[ApiError | None]]
"""Replaces the status of the pool that has this uid; returns a failure that a repetition can't mend."""


class Reporter:
    """Reports what is known about pools. Only the leader writes statuses and events."""

    def __init__(
        self, write_status: WriteStatus, events: EventRecorder, leadership: Leads, clock: Callable[[], float]
    ) -> None:
        self._write_status = write_status
        self._events = events
        self._leadership = leadership
        self._clock = clock

    def happened(self, pool: Pool, reason: str, message: str, kind: EventType = EventType.NORMAL) -> None:
        """Log something that happened to a pool, and record it as an event."""
        logger.info(message, extra={"pool": str(pool.key), "reason": reason})
        if self._leadership.may_write():
            self._events.record(pool.key, pool.declaration.uid, kind, reason, message)

    async def report(self, pool: Pool, verdicts: Mapping[str, Verdict]) -> float | None:
        """Bring events and status up to date. Returns when to come back for what is not written yet."""
        now = self._clock()
        before = pool.history.conditions
        pool.history.judge(verdicts, now)
        for condition in pool.history.conditions.values():
            if _is_news(pool, before.get(condition.type), condition, now):
                self._report_condition(pool, condition)
        if not self._leadership.may_write():
            return None
        status = status_of(pool)
        pool.idle_due_at = pool.idle_due_at or now + FIRST_IDLE_SECONDS
        due_at = _due_at(pool, status)
        if due_at is None or due_at > now:
            return due_at
        return await self._write(pool, status)

    async def flush(self, pools: Iterable[Pool]) -> None:
        """Before the end of this process: write what runs where the status says otherwise, so that the next
        one goes on with the bill from here. The next leader waits no longer than FLUSH_SECONDS."""
        behind = [pool for pool in pools if _runs_otherwise(pool)]
        if not (behind and self._leadership.may_write()):
            return
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await asyncio.gather(*(self._write(pool, status_of(pool)) for pool in behind))
        except TimeoutError:
            logger.warning("Not all of %d bills were brought up to date before the end", len(behind))

    async def _write(self, pool: Pool, status: dict[str, Any]) -> float | None:
        learned, counts_idle = _learned(pool), _counts_idle(pool)
        if pool.state and (counts_idle or learned != pool.status_learned):
            status["learned"] = save(pool.state, counts_idle=counts_idle)
        is_same = (_headline(status), _numbers(status)) == (_headline(pool.status), _numbers(pool.status))
        if is_same and not _runs_otherwise(pool):
            # What was learned has changed by less than a saved state shows.
            pool.status_learned = learned
            return None
        turns, cost = pool.meter.turns if pool.meter else 0, cost_status(pool, self._clock())
        if cost is not None:
            status["cost"] = cost.model_dump(mode="json", by_alias=True, exclude_none=True)
        try:
            async with self._leadership.writing():
                rejected = await self._write_status(pool.key, pool.declaration.uid, status)
        except (KubeFailure, TimeoutError, NotLeading) as error:
            logger.warning("Status not written: %s", error or "timeout", extra={"pool": str(pool.key)})
            return self._clock() + RETRY_SECONDS
        if rejected:
            logger.error("Status rejected: %s", rejected.message, extra={"pool": str(pool.key)})
        pool.status, pool.status_learned, pool.status_at = status, learned, self._clock()
        pool.status_turns = turns
        if pool.idle_due_at <= pool.status_at:
            pool.idle_due_at = pool.status_at + NUMBERS_SECONDS
        return pool.idle_due_at if counts_idle else None

    def _report_condition(self, pool: Pool, condition: Condition) -> None:
        kind = EventType.NORMAL if condition.status is ConditionStatus.TRUE else EventType.WARNING
        message = f"{condition.type} is {condition.status}: {condition.message}"
        self.happened(pool, condition.reason, message, kind)


def status_of(pool: Pool) -> dict[str, Any]:
    """The whole status of a pool as the API server gets it. What was learned is as it was last written, the
    bill is left out: packing them takes longer than all the rest, so that is left until a write is due."""
    observation, decision = pool.observation, pool.decision
    replicas = observation.replicas if observation else None
    status = AcceleratorPoolStatus(
        observed_generation=pool.declaration.generation,
        replicas=_replicas(replicas) if replicas else None,
        arms=_arms(pool) or None,
        demand=_demand(observation) if observation else None,
        cold_start=_cold_start(pool.state.starts, pool.state.admission) if pool.state else None,
        promise=promise_status(pool),
        decision=DecisionStatus(
            replicas=decision.replicas,
            reason=decision.reason,
            message=decision.message[:MESSAGE_LENGTH],
            review_at=format_timestamp(decision.due_at) if decision.due_at is not None else None,
        )
        if decision
        else None,
        decisions=tuple(pool.history.records),
        learned=pool.status.get("learned"),
        conditions=tuple(pool.history.conditions.values()),
    )
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def _demand(observation: Observation) -> DemandStatus:
    return DemandStatus(
        queued=queued(observation), in_flight=in_flight(observation), orphaned=orphaned(observation)
    )


def _replicas(replicas: Replicas) -> ReplicaStatus:
    return ReplicaStatus(
        desired=replicas.desired,
        ready=replicas.ready,
        starting=len(replicas.starting) or None,
        terminating=replicas.terminating or None,
    )


def _arms(pool: Pool) -> tuple[ArmStatus, ...]:
    return tuple(
        ArmStatus(
            name=each.name,
            class_=each.class_name,
            desired=each.desired,
            ready=each.ready,
            starting=each.starting or None,
            message=each.message[:MESSAGE_LENGTH] or None,
        )
        for each in pool.shown
    )


def _cold_start(starts: StartTimes, waits: Admission) -> ColdStartStatus:
    waited = tuple(held(waits)) or None
    if not starts.samples:
        return ColdStartStatus(failed=starts.failures or None, admission=waited)
    phases: dict[str, int] = {}
    for phase, seconds in zip(Phases._fields, spreads(starts) or (), strict=False):
        phases[f"{phase}_p50_seconds"] = round(seconds.p50_seconds)
        phases[f"{phase}_p95_seconds"] = round(seconds.p95_seconds)
    return ColdStartStatus(
        p50_seconds=round(starts.p50_seconds),
        p95_seconds=round(starts.p95_seconds),
        **phases,
        samples=starts.samples,
        failed=starts.failures or None,
        admission=waited,
    )


def _learned(pool: Pool) -> Learned | None:
    return learned(pool.state, counts_idle=_counts_idle(pool)) if pool.state else None


def _counts_idle(pool: Pool) -> bool:
    """Whether replicas will stop once the idle time has passed: never at the floor or past that time."""
    return pool.decision is not None and pool.decision.reason is Reason.IDLE


def _runs_otherwise(pool: Pool) -> bool:
    """Whether something else is paid for than the status says. While that stays, the bill goes on by itself,
    and nothing has to be written."""
    meter = pool.meter
    return meter is not None and meter.turns != pool.status_turns and is_worth_keeping(meter)


def _due_at(pool: Pool, status: Status) -> float | None:
    """When to write this status, given the one that the API server has; None if nothing has changed."""
    if _headline(status) != _headline(pool.status):
        return pool.status_at + URGENT_SECONDS
    due = [pool.idle_due_at] if _counts_idle(pool) else []
    is_same = _numbers(status) == _numbers(pool.status) and _learned(pool) == pool.status_learned
    if not is_same or _runs_otherwise(pool):
        due.append(pool.status_at + NUMBERS_SECONDS)
    return min(due, default=None)


def _headline(status: Status) -> object:
    """The part whose changes are written at once."""
    decision = status.get("decision") or {}
    conditions = {
        (each.get("type"), each.get("status"), each.get("reason")) for each in status.get("conditions") or ()
    }
    desired = (status.get("replicas") or {}).get("desired")
    waits_for = decision.get("message") if decision.get("reason") == Reason.HANDING_OVER else None
    generation = status.get("observedGeneration"), [each.get("desired") for each in status.get("arms") or ()]
    return generation, decision.get("replicas"), decision.get("reason"), waits_for, desired, conditions


def _numbers(status: Status) -> object:
    """The part whose changes can wait. Words about late requests, and about when the operator writes beside
    another writer, get old while nothing else changes, and so do those of who holds a replica."""
    decision = status.get("decision") or {}
    words = decision.get("message") if decision.get("reason") in _SAYS_HOW_LATE else None
    said = [
        each.get("message")
        for each in status.get("conditions") or ()
        if each.get("reason") == CONTESTED or each.get("type") == ConditionType.STARTS_SUCCEED
    ]
    others = ("replicas", "arms", "demand", "coldStart", "promise", "learned")
    return [words, said, *map(status.get, others)]


def _is_news(pool: Pool, before: Condition | None, condition: Condition, now: float) -> bool:
    """Whether a condition is worth an event: its status or its reason has changed. The exceptions are a
    condition that becomes True and was not reported to be False before, and one that the leader before has
    reported: a standby may judge otherwise until it leads."""
    if condition.type == ConditionType.SCALED_TO_ZERO or condition.status is ConditionStatus.UNKNOWN:
        return False
    if before is not None and before.status is condition.status:
        return pool.reason_limit.allows(condition.type, before.reason, condition.reason, now)
    pool.reason_limit.note(condition.type, condition.reason, now)
    was_known = before is not None and before.status is not ConditionStatus.UNKNOWN
    if condition.status is ConditionStatus.TRUE and not was_known:
        return False
    said = History.from_status(pool.status).conditions.get(condition.type)
    return said is None or (said.status, said.reason) != (condition.status, condition.reason)
