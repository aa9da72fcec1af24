"""Rules about stops: when staying up costs more than the next start, what is surplus, and what may stop
without hitting work."""

import math

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.policy import outlook, say
from poolkeeper.core.policy.case import (
    Case,
    Choice,
    confirmed_idle_at,
    is_expecting,
    loading,
    revocable,
    taken_up_until,
    unseen_until,
)
from poolkeeper.core.policy.foreign import are_left_alone, idle_since, left_alone_until
from poolkeeper.core.tuning import (
    DAYTIME_FROM_SECONDS,
    MINIMUM_UP_SECONDS,
)
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.observation import Stop, Waiting


def stop_surplus(case: Case) -> Choice | None:
    """Replicas that the recent load did not need stop, if that can't hit work."""
    workload, replicas = case.workload, case.replicas
    kept = max(case.limits.floor, 1, case.state.load.recent_peak)
    if kept >= replicas.desired or workload.queued or are_left_alone(case):
        return None
    if workload.is_empty and _stop_at(case)[0] <= case.now:
        return None
    is_seen = not workload.unseen_seconds and taken_up_until(case) <= case.now
    is_idle = workload.is_empty and is_seen and confirmed_idle_at(case) <= case.now
    if not (is_idle or case.spec.drains_on_termination):
        return None
    return Choice(kept, Reason.STOP_SURPLUS, say.surplus(workload, replicas.desired, kept))


def stop(case: Case) -> Choice:
    """An idle pool goes down to its floor once staying up costs more than the next start."""
    desired, floor = case.replicas.desired, case.limits.floor
    if desired <= floor:
        return _at_floor(case)
    stop_at, reason = _stop_at(case)
    left_until = left_alone_until(case)
    if left_until > stop_at:
        stop_at, reason = left_until, Reason.IDLE
    idle = say.have_been_idle(case.replicas, case.now - idle_since(case))
    if case.now < stop_at:
        has_surplus = desired > max(floor, 1)
        fades_at = max(outlook.peak_fades_at(case.spec, case.state), left_until) if has_surplus else math.inf
        due_at = max(min(stop_at, fades_at), case.now)
        if case.state.idle_before is not None:
            # Idle time from before a restart goes on at the second empty poll, which is no news by itself.
            due_at = min(due_at, case.now + case.spec.poll_seconds)
        unseen = say.UNSEEN
        if case.workload.touched is not None and stop_at == taken_up_until(case):
            unseen = case.workload.touched.sentence(case.now)
        return Choice(desired, reason, say.idle(idle, stop_at - case.now, reason, unseen), due_at)
    is_fixed = case.spec.zero_mode is ZeroMode.FIXED
    keep_seconds = case.state.idle_seconds or 0.0
    if case.replicas.foreign is not None and not is_fixed:
        keep_seconds = stop_at - idle_since(case)
    return Choice(floor, Reason.STOP_IDLE, say.stopped(idle, desired, floor, keep_seconds, is_fixed=is_fixed))


def hand_over(case: Case, choice: Choice, stop: Stop) -> Choice:
    """The last replicas stay until the activators are in place: a request that arrives earlier would be
    lost."""
    if not isinstance(stop, Waiting):
        return choice
    message = say.handing_over(choice.message, stop.sentence, stop.since)
    return Choice(case.replicas.desired, Reason.HANDING_OVER, message, choice.due_at)


def _at_floor(case: Case) -> Choice:
    limits = case.limits
    if case.replicas.desired == 0:
        if is_expecting(case) and limits.ceiling > 0:
            age = case.now - case.state.gaps.arrived_at
            return Choice(1, Reason.START_AHEAD, say.expected(age, by_daytime=_is_by_daytime(case, age)))
        due_at = math.inf if case.state.ahead_at is None else case.state.ahead_at
        return Choice(0, Reason.AT_ZERO, say.at_zero(case.workload), min(limits.changes_at, due_at))
    return Choice(case.replicas.desired, limits.floor_reason, limits.floor_message, limits.changes_at)


def _is_by_daytime(case: Case, age: float) -> bool:
    return case.state.gaps.daytime.is_proven and age > DAYTIME_FROM_SECONDS


def _stop_at(case: Case) -> tuple[float, Reason]:
    """When an idle pool may stop, and what it waits for."""
    state, workload = case.state, case.workload
    confirmed_at = confirmed_idle_at(case)
    idle_since = state.idle_since if state.idle_since is not None else case.now
    stop_at = max(confirmed_at, idle_since + (state.idle_seconds or 0.0))
    if state.ready_since is not None:
        stop_at = max(stop_at, state.ready_since + MINIMUM_UP_SECONDS)
    unseen_until = state.worked_at + workload.unseen_seconds if workload.unseen_seconds else -math.inf
    unseen_until = max(unseen_until, taken_up_until(case))
    if unseen_until > stop_at:
        return unseen_until, Reason.IN_FLIGHT_UNSEEN
    return stop_at, Reason.IDLE


def lowest_safe(case: Case, target: int) -> int:
    """How far the replicas may be lowered towards `target` now without hitting work or a start that is
    needed."""
    replicas, workload = case.replicas, case.workload
    if not workload.is_known:
        return replicas.desired
    if replicas.starting and are_left_alone(case):
        return replicas.desired
    return target if safe_at(case) <= case.now else max(target, replicas.desired - revocable(case))


def safe_at(case: Case) -> float:
    """When replicas may be lowered without hitting work, as far as is known now; infinity while work or a
    start goes on."""
    if loading(case) or not case.workload.is_known:
        return math.inf
    if case.replicas.starting and are_left_alone(case):
        return left_alone_until(case)
    if case.spec.drains_on_termination:
        return case.now
    if not case.workload.is_empty:
        return math.inf
    return spared_at(case) if case.limits.is_quota else _stop_at(case)[0]


def spared_at(case: Case) -> float:
    """When the replicas of an empty pool may go to others that share a quota with it: once they are idle,
    also while staying up would cost less than the next start. Infinity while a start goes on."""
    if loading(case) or not case.workload.is_known:
        return math.inf
    idle_at = max(confirmed_idle_at(case), unseen_until(case))
    if case.state.ready_since is not None:
        idle_at = max(idle_at, case.state.ready_since + MINIMUM_UP_SECONDS)
    return max(idle_at, left_alone_until(case)) if case.replicas.starting else idle_at
