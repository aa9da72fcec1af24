"""Who else sets the replicas of a target: noticed when /scale is read, named, and kept with the target."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from poolkeeper.advice.writers import writer_advice
from poolkeeper.api.past_decision import PastDecision
from poolkeeper.api.status import ConditionStatus
from poolkeeper.api.timestamps import parse_timestamp
from poolkeeper.controller.pool.arm import Arm
from poolkeeper.controller.pool.contest import CONTESTED
from poolkeeper.controller.pool.history import History
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.surroundings import SurroundingsReader
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.controller.reporting.report import Reporter
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.core.values.observation import Foreign
from poolkeeper.kube.objects.managed_fields import UNNOTED, other_writer

NAMED_EVERY_SECONDS = 2.0
"""The writer is read no more often than this: each time costs one request."""


class OtherWriters:
    """Called after each read of /scale while the operator may write the target."""

    def __init__(
        self, surroundings: SurroundingsReader, reporter: Reporter, clock: Callable[[], float]
    ) -> None:
        self._surroundings = surroundings
        self._reporter = reporter
        self._clock = clock

    async def changed(self, pool: Pool, arm: Arm, key: TargetKey, before: int) -> None:
        """Another writer has changed the replicas of an arm since the last read."""
        target, now = arm.target, self._clock()
        writer = None
        if now - target.contest.changed_at >= NAMED_EVERY_SECONDS:
            writer = other_writer(await self._surroundings.replica_writers(key))
        if target.scale is None or arm.target is not target:
            return
        target.was_changed_elsewhere(before, writer, now)
        # Read again who scales the target: it may be an autoscaler that was created since the last list.
        arm.surroundings = replace(arm.surroundings, expires_at=0.0)
        what = "the target" if arm is pool else f"the fallback {key}"
        self._reporter.happened(
            pool,
            CONTESTED,
            f"{writer or 'another writer'} has changed {what} from {before} to {target.scale.replicas} "
            f"replicas{target.scale.in_pods}; {writer_advice(writer)}",
        )

    async def found(self, pool: Pool, arm: Arm, key: TargetKey) -> None:
        """The first read since this replica of the operator writes: go on with what the status says.

        The pool's own history does not do: before it led, this replica noted what it would have decided.
        """
        target, now = arm.target, self._clock()
        if target.scale is None:
            return
        past = History.from_status({} if target.is_new else pool.status)
        records = tuple(past.records)
        target.asked = target.scale.replicas
        foreign = _foreign(records, target.scale.replicas, now)
        contested_since = _contested_since(past) if arm is pool else None
        if foreign is None and contested_since is None:
            return
        writers = await self._surroundings.replica_writers(key)
        writer = other_writer(writers)
        if contested_since is not None:
            target.contest.resume(contested_since, min(_written_at(records) or now, now), now)
            target.contest.writer = writer
            if writer in (None, UNNOTED):
                target.contest.said = past.conditions[ConditionType.SOLE_WRITER].message
        # The status may be a write behind: a leader that ended may not have written it.
        if foreign is not None and not (records and any(each.is_operator for each in writers)):
            target.asked = _last_asked(records).replicas if records else 0
            target.foreign = replace(foreign, writer=str(writer or ""))


def _contested_since(past: History) -> float | None:
    """Since when another writer has kept changing the replicas; None where that was not so."""
    condition = past.conditions.get(ConditionType.SOLE_WRITER)
    if condition is None or condition.status is not ConditionStatus.FALSE or condition.reason != CONTESTED:
        return None
    return parse_timestamp(condition.last_transition_time)


def _written_at(records: Sequence[PastDecision]) -> float | None:
    """When the replicas were last changed by a decision, as far as is known."""
    return next((parse_timestamp(each.at) for each in reversed(records) if each.before is not None), None)


def _foreign(records: Sequence[PastDecision], replicas: int, now: float) -> Foreign | None:
    """The replicas as foreign ones, where no past decision explains them."""
    if not records:
        return Foreign(replicas, now, is_found=True) if replicas else None
    asked = _last_asked(records)
    if replicas <= asked.replicas:
        return None
    later = records[records.index(asked) :]
    seen = (parse_timestamp(each.at) for each in later if each.replicas == replicas)
    return Foreign(replicas, min(next((at for at in seen if at is not None), now), now))


def _last_asked(records: Sequence[PastDecision]) -> PastDecision:
    """The last decision that changed the replicas; the oldest that is known where none did."""
    return next((each for each in reversed(records) if each.before is not None), records[0])
