"""The past of a pool: its last decisions, since when each condition holds, and which reasons were
reported."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from poolkeeper.api.base import MOST_COUNTED
from poolkeeper.api.past_decision import PastDecision
from poolkeeper.api.status import DECISIONS_KEPT, Condition, ConditionStatus
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.core.values.decision import Decision, Verdict
from poolkeeper.core.values.observation import Observation, Reading

MESSAGE_LENGTH = 1024
SAME_REASON_SECONDS = 600.0
"""A reason that alternates with another is reported once in this time. A pool has two events a minute in the
long run, and two reasons that alternate would take all of them."""

_RECORDS = TypeAdapter(tuple[PastDecision, ...])
_CONDITIONS = TypeAdapter(tuple[Condition, ...])


class History:
    """The last decisions and the conditions. The status keeps both over restarts and changes of the
    leader."""

    def __init__(self) -> None:
        self.records: deque[PastDecision] = deque(maxlen=DECISIONS_KEPT)
        self.conditions: dict[str, Condition] = {}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> "History":
        """The history that a status holds; an empty one if the status can't be read."""
        history = cls()
        try:
            history.records.extend(_RECORDS.validate_python(status.get("decisions") or ()))
            conditions = _CONDITIONS.validate_python(status.get("conditions") or ())
        except ValidationError:
            return cls()
        history.conditions = {condition.type: condition for condition in conditions}
        return history

    def record(
        self, decision: Decision, observation: Observation, now: float, *, has_moved: bool = False
    ) -> bool:
        """Enter a decision. Returns whether it differs from the last one in more than its numbers, or has
        moved replicas to another class."""
        last = self.records[-1] if self.records else None
        if last and not has_moved and (last.replicas, last.reason) == (decision.replicas, decision.reason):
            return False
        replicas = observation.replicas
        is_change = replicas is not None and replicas.desired != decision.replicas
        self.records.append(
            PastDecision(
                at=format_timestamp(now),
                before=replicas.desired if replicas and is_change else None,
                replicas=decision.replicas,
                reason=decision.reason,
                message=decision.message[:MESSAGE_LENGTH],
                queued=queued(observation),
                in_flight=in_flight(observation),
                ready=replicas.ready if replicas else None,
                starting=len(replicas.starting) if replicas else None,
            )
        )
        return True

    def judge(self, verdicts: Mapping[str, Verdict], now: float) -> None:
        before, self.conditions = self.conditions, {}
        for kind, verdict in verdicts.items():
            self.conditions[kind] = _condition(kind, verdict, before.get(kind), now)


class ReasonLimit:
    """Limits events about the reasons of one pool's conditions: a reason that comes and goes is reported once
    in SAME_REASON_SECONDS. The last reported reason is remembered, so a reason that stays is reported in the
    end."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._reported_at: dict[tuple[str, str], float] = {}

    def note(self, condition: str, reason: str, now: float) -> None:
        """This reason of the condition is reported now, or needs no event."""
        self._last[condition] = reason
        # Reasons may come from an API server: old ones must not add up.
        recent = {each: at for each, at in self._reported_at.items() if now < at + SAME_REASON_SECONDS}
        self._reported_at = {**recent, (condition, reason): now}

    def allows(self, condition: str, before: str, reason: str, now: float) -> bool:
        """Whether to report a new reason for an unchanged status; if so, it counts as reported.

        After a restart nothing is known, and the reason `before`, from the status, counts as reported.
        """
        last = self._last.setdefault(condition, before)
        reported_at = self._reported_at.get((condition, reason))
        if reason == last or (reported_at is not None and now < reported_at + SAME_REASON_SECONDS):
            return False
        self.note(condition, reason, now)
        return True


def queued(observation: Observation) -> int | None:
    """Requests that wait in all sources; None where a source is unknown."""
    return _total(observation, lambda reading: reading.queued)


def in_flight(observation: Observation) -> int | None:
    """Requests that are being worked on; None where a source can't see them."""
    return _total(observation, lambda reading: reading.in_flight)


def orphaned(observation: Observation) -> int | None:
    """Requests whose worker is gone; None where there are none, or a source is unknown."""
    return _total(observation, lambda reading: reading.orphaned) or None


def _total(observation: Observation, number: Callable[[Reading], int | None]) -> int | None:
    """At most what the status has room for, which a queue may exceed."""
    numbers = [number(demand) if isinstance(demand, Reading) else None for demand in observation.demand]
    known = [each for each in numbers if each is not None]
    return min(sum(known), MOST_COUNTED) if len(known) == len(numbers) else None


def _condition(kind: str, verdict: Verdict, before: Condition | None, now: float) -> Condition:
    status = {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE, None: ConditionStatus.UNKNOWN}
    is_same = before is not None and before.status is status[verdict.holds]
    return Condition(
        type=kind,
        status=status[verdict.holds],
        reason=verdict.reason,
        message=verdict.message[:MESSAGE_LENGTH],
        last_transition_time=before.last_transition_time if before and is_same else format_timestamp(now),
    )
