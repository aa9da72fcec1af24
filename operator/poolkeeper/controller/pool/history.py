"""What a pool's status says about its past: the last decisions, and since when each condition holds."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from poolkeeper.api.base import MOST_COUNTED
from poolkeeper.api.status import DECISIONS_KEPT, Condition, ConditionStatus, DecisionRecord
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.core.values.decision import Decision, Verdict
from poolkeeper.core.values.observation import Observation, Reading

MESSAGE_LENGTH = 1024

_RECORDS = TypeAdapter(tuple[DecisionRecord, ...])
_CONDITIONS = TypeAdapter(tuple[Condition, ...])


class History:
    """Survives restarts and changes of the leader by way of the status."""

    def __init__(self) -> None:
        self.records: deque[DecisionRecord] = deque(maxlen=DECISIONS_KEPT)
        self.conditions: dict[str, Condition] = {}

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> "History":
        """What a status tells; nothing where it can't be read."""
        history = cls()
        try:
            history.records.extend(_RECORDS.validate_python(status.get("decisions") or ()))
            conditions = _CONDITIONS.validate_python(status.get("conditions") or ())
        except ValidationError:
            return cls()
        history.conditions = {condition.type: condition for condition in conditions}
        return history

    def record(self, decision: Decision, observation: Observation, now: float) -> bool:
        """Enter a decision; says whether it differs from the last one in more than its numbers."""
        last = self.records[-1] if self.records else None
        if last and (last.replicas, last.reason) == (decision.replicas, decision.reason):
            return False
        replicas = observation.replicas
        self.records.append(
            DecisionRecord(
                replicas=decision.replicas,
                reason=decision.reason,
                message=decision.message[:MESSAGE_LENGTH],
                at=format_timestamp(now),
                queued=queued(observation),
                in_flight=in_flight(observation),
                ready=replicas.ready if replicas else None,
                starting=len(replicas.starting) if replicas else None,
            )
        )
        return True

    def judge(self, verdicts: Mapping[str, Verdict], generation: int, now: float) -> None:
        """Replace all conditions."""
        before, self.conditions = self.conditions, {}
        for kind, verdict in verdicts.items():
            self.conditions[kind] = _condition(kind, verdict, before.get(kind), generation, now)


def queued(observation: Observation) -> int | None:
    """Requests that wait in all sources; None where a source is unknown."""
    readings = [demand for demand in observation.demand if isinstance(demand, Reading)]
    return _total(each.queued for each in readings) if len(readings) == len(observation.demand) else None


def in_flight(observation: Observation) -> int | None:
    """Requests that are being worked on; None where a source can't see them."""
    seen = [
        demand.in_flight
        for demand in observation.demand
        if isinstance(demand, Reading) and demand.in_flight is not None
    ]
    return _total(seen) if len(seen) == len(observation.demand) else None


def _total(numbers: Iterable[int]) -> int:
    """A queue may hold more than the status has room for."""
    return min(sum(numbers), MOST_COUNTED)


def _condition(
    kind: str, verdict: Verdict, before: Condition | None, generation: int, now: float
) -> Condition:
    status = {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE, None: ConditionStatus.UNKNOWN}
    is_same = before is not None and before.status is status[verdict.holds]
    return Condition(
        type=kind,
        status=status[verdict.holds],
        reason=verdict.reason,
        message=verdict.message[:MESSAGE_LENGTH],
        last_transition_time=before.last_transition_time if before and is_same else format_timestamp(now),
        observed_generation=generation,
    )
