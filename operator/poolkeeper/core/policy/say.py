"""The sentences that explain a decision, with the numbers that led to it."""

import math

from poolkeeper.core.policy.sizing import Plan
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Replicas
from poolkeeper.core.values.spec import PoolSpec

AT_ZERO = "nothing waits and nothing runs"
IMMEDIATELY = "coldStart.start is Immediately"
STRICTEST = "coldStart.objectivePercent is the strictest, which leaves no time to wait"
TARGET_UNKNOWN = "the target can't be read, so nothing is changed"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 request, 2 requests."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def waits(now: float, workload: Workload) -> str:
    if not workload.waiting:
        return "no request waits"
    oldest = now - workload.waiting[0].arrived_at
    if workload.queued == 1:
        return f"1 request has waited {oldest:.0f} s"
    return f"{workload.queued} requests wait, the oldest for {oldest:.0f} s"


def waiting(queued: int) -> str:
    """1 request waits, 2 requests wait."""
    return "1 request waits" if queued == 1 else f"{queued} requests wait"


def start(now: float, spec: PoolSpec, workload: Workload, plan: Plan, samples: int) -> str:
    seen = "seen" if samples else "expected"
    text = f"{waits(now, workload)}; a start is {seen} to take up to {plan.start_seconds:.0f} s"
    if plan.late:
        return f"{text}, so {count(plan.late, 'request')} can't be taken within {budget(spec)}"
    return text


def due(explained: str, spec: PoolSpec, more: int) -> str:
    return f"{explained}: {count(more, 'more replica')} started now to keep {budget(spec)}"


def not_due(explained: str, spec: PoolSpec, seconds: float) -> str:
    return f"{explained}; the next start is due in {seconds:.0f} s to keep {budget(spec)}"


def too_few_starts(seen: int, enough: int) -> str:
    return f"no start is delayed before {enough} have been seen, and this pool has seen {seen}"


def budget(spec: PoolSpec) -> str:
    return f"the {spec.budget_seconds:g} s that a request may wait"


def starting(replicas: Replicas, remaining: float | None = None) -> str:
    text = f"{count(len(replicas.starting), 'replica')} starting, {replicas.ready} ready"
    return text if remaining is None else f"{text}; the next is expected in {remaining:.0f} s"


def cancelled(now: float, replicas: Replicas, kept: int) -> str:
    oldest = now - min(starting.asked_at for starting in replicas.starting)
    return (
        f"the queue has drained before {count(len(replicas.starting), 'replica')}, asked for {oldest:.0f} s "
        f"ago, became ready: back to {kept}"
    )


def demand_unknown(desired: int, problem: str) -> str:
    return f"demand is unknown, so {count(desired, 'replica')} stay: {problem}"


def within_budget(spec: PoolSpec, workload: Workload, desired: int) -> str:
    return (
        f"{count(workload.queued, 'request')} will be taken within {spec.budget_seconds:g} s "
        f"by {count(desired, 'replica')}"
    )


def busy(workload: Workload, desired: int) -> str:
    return f"{count(workload.in_flight, 'request')} in flight on {count(desired, 'replica')}"


def idle(desired: int, idle_for: float, remaining: float, reason: Reason) -> str:
    text = f"{count(desired, 'replica')} idle for {idle_for:.0f} s"
    if math.isinf(remaining):
        return f"{text}; work that was taken is not seen and may take any time, so none is stopped"
    if reason is Reason.IN_FLIGHT_UNSEEN:
        return f"{text}; work that was taken is not seen, so none is stopped for another {remaining:.0f} s"
    return f"{text}; to be stopped in {remaining:.0f} s"


def stopped(floor: int, idle_for: float, timeout: float) -> str:
    return f"idle for {idle_for:.0f} s, and waiting for work pays for {timeout:.0f} s: down to {floor}"


def handing_over(stopped: str, waits_for: str, seconds: float | None) -> str:
    so_far = "" if seconds is None else f" for {seconds:.0f} s"
    return f"{stopped} once the activators hold what arrives (waiting{so_far}: {waits_for})"


def ahead(workload: Workload, start_seconds: float, wanted: int) -> str:
    return (
        f"{waiting(workload.queued)} and {workload.in_flight} in flight, with starts of "
        f"{start_seconds:.0f} s: up to {count(wanted, 'replica')} now, before more are late"
    )


def expected(gap: float, *, by_daytime: bool) -> str:
    when = "at this time of the day " if by_daytime else ""
    return (
        f"the last request came {gap:.0f} s ago, and {when}the next is so likely that a start now costs less "
        "than its wait"
    )


def surplus(workload: Workload, desired: int, kept: int) -> str:
    return (
        f"{count(workload.in_flight, 'request')} in flight: {kept} of {count(desired, 'replica')} have been "
        "enough for longer than a start takes"
    )


def at_ceiling(queued: int, desired: int) -> str:
    return f"{waiting(queued)}, but no more than {count(desired, 'replica')} are allowed"


def above_ceiling(desired: int, ceiling: int) -> str:
    return f"{count(desired, 'replica')} are more than the {ceiling} allowed"


def above_ceiling_but_busy(desired: int, ceiling: int) -> str:
    return f"{above_ceiling(desired, ceiling)}; they stay until none of them can be busy or starting"
