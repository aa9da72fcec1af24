"""Starts that fail or take far longer than starts do, and what follows: no replica beside them, and pauses
between attempts.

Another replica of the same pod template most likely fails as well, and each costs an accelerator:

- While no replica is ready and all that are starting fail, no other is started. Kubernetes goes on trying
  with these.
- Once an attempt has failed and until one succeeds, replicas are started one at a time: the next after a
  pause that doubles with each failure, and only once the outcome of the one before is known.
- Replicas that fail are not counted as capacity that comes.
- While the API server refuses the pod of a replica, or no node is seen to come for one, no further replica is
  asked for: it would be refused as well. A gate or a node that is being made is no such case, since each
  replica is admitted by itself.

A declared floor is always kept, and a replica that waits to be admitted (a gate, a quota, no node) has not
failed.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

from poolkeeper.core.learning.starts import attempts
from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy import say, say_held
from poolkeeper.core.policy.case import Case, Choice, overdue_at, overdue_seconds
from poolkeeper.core.tuning import ADMISSION_PATIENCE_SECONDS, PROVISIONING_PATIENCE_SECONDS
from poolkeeper.core.values.admission import (
    ADMISSION_REFUSED,
    IMAGE_PULLING,
    NODE_PROVISIONING,
    QUOTA_EXCEEDED,
    UNSCHEDULABLE,
    cause_of,
)
from poolkeeper.core.values.decision import Reason, Trouble
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica

READINESS_OVERDUE = "ReadinessOverdue"
CONTAINERS_OVERDUE = "ContainersOverdue"
_EXPLAINED_BY_FAILURE = frozenset({Reason.STARTING, Reason.WITHIN_BUDGET, Reason.WAITING_FOR_DEADLINE})
"""Reasons that would let users expect that the replicas under way become ready."""


def failing_starts(now: float, replicas: Replicas, starts: StartTimes) -> tuple[StartingReplica, ...]:
    """The starting replicas that fail."""
    limit_seconds = overdue_seconds(starts)
    return tuple([each for each in replicas.starting if _is_failing(now, each, limit_seconds)])


def settle(
    now: float, replicas: Replicas, failing: tuple[StartingReplica, ...], state: PoolState
) -> PoolState:
    """The state with the outcomes of attempts that are seen now."""
    known, ready = state.attempts, replicas.ready
    if state.ready is not None and ready > state.ready:
        known = attempts.succeeded(known, now)
    if failing:
        newest = max(failing, key=lambda each: each.asked_at)
        known = attempts.failed(known, newest.asked_at, now, _reason(newest))
    elif state.ready is None and ready and known.failed:
        # The operator has restarted, and the last attempt has succeeded meanwhile.
        known = attempts.succeeded(known, now)
    if known is state.attempts and ready == state.ready:
        return state
    return state._replace(attempts=known, ready=ready)


def without(replicas: Replicas, failing: tuple[StartingReplica, ...]) -> Replicas:
    """The replicas that can be counted on."""
    return replace(replicas, starting=tuple(each for each in replicas.starting if each not in failing))


def trouble(
    now: float, replicas: Replicas, failing: tuple[StartingReplica, ...], state: PoolState
) -> Trouble | None:
    """What the first start in trouble suffers from; one that fails counts before one that is not admitted,
    and that before one whose image is pulled for longer than starts take."""
    starts = state.starts
    if failing:
        first = next((each for each in failing if each.failure), failing[0])
        return Trouble(_reason(first), _sentence(first, starts), first.pod)
    for each in replicas.starting:
        if each.stage is Stage.UNADMITTED and each.failure:
            may_pass = bool(each.pod) and now < _admitted_by(each)
            cause = cause_of(each.failure)
            sentence = say_held.unadmitted(each, say_held.waits_before(cause, state.admission.ended(cause)))
            return Trouble(each.failure, sentence, each.pod, is_failure=False, may_pass=may_pass)
    for each in replicas.starting:
        if each.doing and each.begun_at is not None and now >= each.begun_at + starts.ended_p95_seconds:
            sentence = say.late(each, starts.ended_p95_seconds, starts.samples)
            return Trouble(each.doing, sentence, each.pod, is_failure=False, may_pass=True)
    return None


def restrain(case: Case, choice: Choice) -> Choice:
    """What remains of a choice where starts do not succeed."""
    replicas = case.replicas
    if choice.replicas < replicas.desired:
        return choice
    if choice.replicas == replicas.desired:
        return _explained(case, choice)
    if choice.replicas <= case.limits.floor:
        return choice
    refused = _refused(case)
    if refused is not None:
        message = say_held.no_more_while_refused(say.waits(case.now, case.workload), case.trouble)
        return Choice(replicas.desired, Reason.AWAITING_ADMISSION, message)
    most, due_at = _most(case)
    if choice.replicas <= most:
        return choice
    if most > replicas.desired:
        return choice._replace(
            replicas=most, message=say.one_at_a_time(choice.message, case.state.attempts.failed)
        )
    return Choice(most, Reason.STARTS_FAILING, _message(case), due_at)


def _explained(case: Case, choice: Choice) -> Choice:
    """A choice that keeps the replicas, with the reason why those that are starting do not become ready."""
    coming, starts, found = case.coming, case.state.starts, case.trouble
    late, turns_at = _late(case.now, coming, starts)
    due_at = min(choice.due_at, turns_at)
    if choice.reason in _EXPLAINED_BY_FAILURE:
        if case.workload.queued and case.failing and not (coming or case.replicas.ready):
            return Choice(choice.replicas, Reason.STARTS_FAILING, _message(case), due_at)
        if choice.reason is Reason.STARTING and found is not None:
            return Choice(choice.replicas, _reason_of(found), _starting(case, found.sentence), due_at)
        if choice.reason is Reason.STARTING and late is not None:
            sentence = say.late(late, starts.ended_p95_seconds, starts.samples)
            return Choice(choice.replicas, Reason.START_OVERDUE, _starting(case, sentence), due_at)
        pulling = next((each for each in coming if each.doing), None)
        if choice.reason is Reason.STARTING and pulling is not None:
            message = _starting(case, say_held.meanwhile(pulling))
            return Choice(choice.replicas, Reason.PULLING_IMAGE, message, due_at)
    return choice if due_at == choice.due_at else choice._replace(due_at=due_at)


def _reason_of(found: Trouble) -> Reason:
    if found.is_failure:
        return Reason.STARTS_FAILING
    return Reason.PULLING_IMAGE if found.reason == IMAGE_PULLING else Reason.AWAITING_ADMISSION


def _refused(case: Case) -> StartingReplica | None:
    """A replica that is not admitted and shows that the next one would not be either. On a pool with
    fallbacks, the next one may go to another class."""
    if case.state.arms.fallbacks:
        return None
    for each in case.coming:
        if each.stage is Stage.UNADMITTED and _is_refused(case.now, each):
            return each
    return None


def _is_refused(now: float, starting: StartingReplica) -> bool:
    if starting.failure in (QUOTA_EXCEEDED, ADMISSION_REFUSED):
        return True
    return starting.failure == UNSCHEDULABLE and now >= _admitted_by(starting)


def _starting(case: Case, sentence: str) -> str:
    parts = [say.starting(case.replicas), sentence]
    if case.replicas.foreign is not None:
        parts.append(say.set_elsewhere(case.replicas.foreign))
    return "; ".join(parts)


def _late(
    now: float, coming: Iterable[StartingReplica], starts: StartTimes
) -> tuple[StartingReplica | None, float]:
    """The first start that has outlasted 95 % of those before it, and the next instant at which one does, is
    overdue, or has waited for too long to be admitted."""
    late, turns_at = None, math.inf
    for each in coming:
        if each.begun_at is None:
            at = _admitted_by(each)
        else:
            at = each.begun_at + starts.ended_p95_seconds
            if at <= now:
                late, at = late or each, overdue_at(each, starts)
        if now < at < turns_at:
            turns_at = at
    return late, turns_at


def _most(case: Case) -> tuple[int, float]:
    """The most replicas that may be wanted now, and when that changes without news."""
    known, desired = case.state.attempts, case.replicas.desired
    if case.failing and not case.coming and not case.replicas.ready:
        return desired, math.inf
    if not known.failed:
        return case.limits.ceiling, math.inf
    if under_way := _under_way(case):
        return desired, min(overdue_at(each, case.state.starts) for each in under_way)
    return (desired, known.next_at) if case.now < known.next_at else (desired + 1, math.inf)


def _under_way(case: Case) -> list[StartingReplica]:
    """The replicas of an attempt whose outcome is not known yet."""
    return [each for each in case.coming if each.asked_at > case.state.attempts.settled_at]


def _message(case: Case) -> str:
    known, waits = case.state.attempts, say.waits(case.now, case.workload)
    if case.failing and case.trouble is not None and not case.replicas.ready:
        return say.failing(waits, case.trouble.sentence)
    next_at = None if _under_way(case) else known.next_at
    return say.next_attempt(waits, known.failed, known.reason, next_at)


def _is_failing(now: float, starting: StartingReplica, limit_seconds: float) -> bool:
    if starting.stage is Stage.UNADMITTED:
        return False
    is_overdue = starting.begun_at is not None and now >= starting.begun_at + limit_seconds
    return is_overdue or bool(starting.failure)


def _admitted_by(starting: StartingReplica) -> float:
    is_coming = starting.failure == NODE_PROVISIONING
    return starting.asked_at + (PROVISIONING_PATIENCE_SECONDS if is_coming else ADMISSION_PATIENCE_SECONDS)


def _reason(starting: StartingReplica) -> str:
    overdue = READINESS_OVERDUE if starting.stage is Stage.RUNNING else CONTAINERS_OVERDUE
    return starting.failure or starting.doing or overdue


def _sentence(starting: StartingReplica, starts: StartTimes) -> str:
    if starting.failure:
        return say.fails(starting)
    return say.overdue(starting, starts.ended_p95_seconds, starts.samples)
