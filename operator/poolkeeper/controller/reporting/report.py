"""Tells people what was decided: the status, Kubernetes events, and when they are worth a write."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from poolkeeper.api.status import (
    AcceleratorPoolStatus,
    ColdStartStatus,
    Condition,
    ConditionStatus,
    DecisionStatus,
    DemandStatus,
    ReplicaStatus,
)
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.controller.pool.history import MESSAGE_LENGTH, in_flight, queued
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.core.learning import state as pool_state
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.events import EventType
from poolkeeper.kube.objects.status import StatusRejected
from poolkeeper.kube.transport.errors import KubeFailure

logger = logging.getLogger(__name__)

URGENT_SECONDS = 1.0
"""A change of the decision or of a condition is written at once, but no pool writes more often than this."""
NUMBERS_SECONDS = 60.0
"""Changed numbers alone are written no more often than this."""
RETRY_SECONDS = 5.0

Status = Mapping[str, Any]


class StatusStore(Protocol):
    """Where the status is kept."""

    async def write(self, pool: PoolKey, uid: str, status: dict[str, Any]) -> StatusRejected | None:
        """Replace it."""


class EventSink(Protocol):
    """Where events go."""

    def record(self, pool: PoolKey, uid: str, event_type: EventType, reason: str, message: str) -> None:
        """Note one; returns at once."""


class Reporter:
    """Only the replica that leads says anything."""

    def __init__(
        self, statuses: StatusStore, events: EventSink, leadership: Leads, clock: Callable[[], float]
    ) -> None:
        self._statuses = statuses
        self._events = events
        self._leadership = leadership
        self._clock = clock

    def happened(self, pool: Pool, reason: str, message: str, kind: EventType = EventType.NORMAL) -> None:
        """Something that a person may want to know."""
        logger.info(message, extra={"pool": str(pool.key), "reason": reason})
        if self._leadership.may_write():
            self._events.record(pool.key, pool.declaration.uid, kind, reason, message)

    async def report(self, pool: Pool, verdicts: Mapping[str, Verdict]) -> float | None:
        """Bring events and status up to date. Returns when to come back for what is not written yet."""
        now = self._clock()
        before = pool.history.conditions
        pool.history.judge(verdicts, pool.declaration.generation, now)
        for condition in pool.history.conditions.values():
            if _is_to_be_told(pool, before.get(condition.type), condition, now):
                self._tell_condition(pool, condition)
        if not self._leadership.may_write():
            return None
        status = status_of(pool)
        due_at = _due_at(pool, status)
        if due_at is None or due_at > now:
            return due_at
        return await self._write(pool, status)

    async def _write(self, pool: Pool, status: dict[str, Any]) -> float | None:
        try:
            async with self._leadership.writing():
                rejected = await self._statuses.write(pool.key, pool.declaration.uid, status)
        except (KubeFailure, TimeoutError, NotLeading) as error:
            logger.warning("Status not written: %s", error or "timeout", extra={"pool": str(pool.key)})
            return self._clock() + RETRY_SECONDS
        if rejected:
            logger.error("Status rejected: %s", rejected.message, extra={"pool": str(pool.key)})
        pool.status, pool.status_at = status, self._clock()
        return None

    def _tell_condition(self, pool: Pool, condition: Condition) -> None:
        kind = EventType.NORMAL if _is_good(condition) else EventType.WARNING
        message = f"{condition.type} is {condition.status}: {condition.message}"
        self.happened(pool, condition.reason, message, kind)


def status_of(pool: Pool) -> dict[str, Any]:
    """The whole status of a pool as the API server gets it."""
    observation, decision, state = pool.observation, pool.decision, pool.state
    replicas = observation.replicas if observation else None
    status = AcceleratorPoolStatus(
        observed_generation=pool.declaration.generation,
        replicas=ReplicaStatus(
            desired=replicas.desired,
            ready=replicas.ready,
            starting=len(replicas.starting),
            terminating=replicas.terminating,
        )
        if replicas
        else None,
        demand=DemandStatus(queued=queued(observation), in_flight=in_flight(observation))
        if observation
        else None,
        cold_start=_cold_start(state),
        decision=DecisionStatus(
            replicas=decision.replicas,
            reason=decision.reason,
            message=decision.message[:MESSAGE_LENGTH],
            at=pool.history.records[-1].at,
            review_at=format_timestamp(decision.due_at) if decision.due_at is not None else None,
        )
        if decision and pool.history.records
        else None,
        decisions=tuple(pool.history.records),
        learned=pool_state.dump(state) if state else pool.learned,
        conditions=tuple(pool.history.conditions.values()),
    )
    return status.model_dump(mode="json", by_alias=True, exclude_none=True)


def _cold_start(state: pool_state.PoolState | None) -> ColdStartStatus | None:
    if state is None:
        return None
    starts = state.starts
    return ColdStartStatus(
        p50_seconds=round(starts.p50_seconds) if starts.samples else None,
        p95_seconds=round(starts.p95_seconds) if starts.samples else None,
        samples=starts.samples,
        failed=starts.failures,
    )


def _due_at(pool: Pool, status: Status) -> float | None:
    """When this status is to be written, given what the API server was told; None where it is no news."""
    if _headline(status) != _headline(pool.status):
        return pool.status_at + URGENT_SECONDS
    if _numbers(status) != _numbers(pool.status):
        return pool.status_at + NUMBERS_SECONDS
    return None


def _headline(status: Status) -> object:
    decision = status.get("decision") or {}
    conditions = {
        (each.get("type"), each.get("status"), each.get("reason"), each.get("observedGeneration", 0))
        for each in status.get("conditions") or ()
    }
    desired = (status.get("replicas") or {}).get("desired")
    return decision.get("replicas"), decision.get("reason"), desired, conditions


def _numbers(status: Status) -> object:
    return [status.get(part) for part in ("replicas", "demand", "coldStart", "learned")]


def _is_to_be_told(pool: Pool, before: Condition | None, condition: Condition, now: float) -> bool:
    """A condition that turns, or has another reason than people were told; but not what was to be expected:
    that it is good, where it was not known to be bad."""
    if condition.type == ConditionType.SCALED_TO_ZERO or condition.status is ConditionStatus.UNKNOWN:
        return False
    if before is not None and before.status is condition.status:
        return pool.told_reasons.take(condition.type, before.reason, condition.reason, now)
    pool.told_reasons.note(condition.type, condition.reason, now)
    return not _is_good(condition) or (before is not None and before.status is not ConditionStatus.UNKNOWN)


def _is_good(condition: Condition) -> bool:
    """All conditions have one polarity, ScaledToZero aside: True means that all is well."""
    return condition.status is ConditionStatus.TRUE
