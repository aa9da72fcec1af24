"""The sentences that explain a decision, with the numbers that led to it.

They are read in the status, in events and in `poolkeeper explain`. Each says what is the case, then what
follows. A number has a unit, and the budget is called the budget.
"""

import math

from poolkeeper.core.policy.sizing import StartPlan
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import (
    Foreign,
    Held,
    Replicas,
    Stage,
    StartingReplica,
    WarmFloor,
)
from poolkeeper.core.values.spec import PoolSpec

AT_ZERO = "no request waits and no replica runs"
IMMEDIATELY = "coldStart.start is Immediately"
STRICTEST = "with this coldStart.objectivePercent no start is delayed"
ANOTHER_WRITER = "another writer"
UNSEEN = "the source doesn't show requests in flight"
TARGET_UNKNOWN = "the target can't be read, so nothing is changed"


def at_zero(workload: Workload) -> str:
    """Nothing waits, and nothing runs; requests without a worker may lie there all the same."""
    if not workload.orphaned:
        return AT_ZERO
    are = "is" if workload.orphaned == 1 else "are"
    return f"{AT_ZERO}; {count(workload.orphaned, 'request')} {are} orphaned: see the condition NoOrphans"


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 request, 2 requests."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def waits(now: float, workload: Workload) -> str:
    """How many requests wait, and for how long the oldest has waited."""
    if not workload.waiting:
        return "no request waits"
    oldest = now - workload.waiting[0].arrived_at
    if workload.queued == 1:
        return f"1 request has waited {oldest:.0f} s"
    return f"{workload.queued} requests wait, the oldest for {oldest:.0f} s"


def waiting(queued: int) -> str:
    """1 request waits, 2 requests wait."""
    return "1 request waits" if queued == 1 else f"{queued} requests wait"


def start(now: float, spec: PoolSpec, workload: Workload, plan: StartPlan, samples: int) -> str:
    """What waits, and how long a start takes: the beginning of every sentence about a start."""
    takes = "a start takes" if samples else "a start is expected to take"
    text = f"{waits(now, workload)}; {takes} up to {plan.start_seconds:.0f} s"
    if plan.late:
        return f"{text}, so {count(plan.late, 'request')} will wait longer than {budget(spec)}"
    return text


def at_once(explained: str, because: str = "") -> str:
    """Why a start is not delayed."""
    return (
        f"{explained}; {because}, so the start begins now"
        if because
        else f"{explained}; the start begins now"
    )


def due(explained: str, spec: PoolSpec, more: int) -> str:
    """A start whose latest instant has come."""
    starts = "1 more replica is" if more == 1 else f"{more} more replicas are"
    return f"{explained}, so {starts} started now to stay within {budget(spec)}"


def not_due(explained: str, spec: PoolSpec, seconds: float) -> str:
    """A start that can wait for more requests."""
    return f"{explained}; the next start is due in {seconds:.0f} s to stay within {budget(spec)}"


def too_few_starts(seen: int, enough: int) -> str:
    """Why a pool that is new does not delay its starts."""
    return f"a start is delayed only after {enough} starts have been measured, and this pool has {seen}"


def budget(spec: PoolSpec) -> str:
    """The longest promised wait."""
    return f"the budget of {spec.budget_seconds:g} s"


def starting(replicas: Replicas, remaining: float | None = None) -> str:
    """Replicas on their way."""
    text = f"{count(len(replicas.starting), 'replica')} starting, {replicas.ready} ready"
    return text if remaining is None else f"{text}; the next should be ready in {remaining:.0f} s"


def working_unready(replicas: int) -> str:
    """Replicas that take requests although Kubernetes does not call them Ready."""
    run = "1 replica runs and is" if replicas == 1 else f"{replicas} replicas run and are"
    return f"{run} not Ready, yet work is being taken: check the readiness probe"


def fails(starting: StartingReplica) -> str:
    """A replica that can't start as it is."""
    return f"{_where(starting)}: {starting.failure} (asked for at {time_of_day(starting.asked_at)})"


def late(starting: StartingReplica, p95_seconds: float, samples: int) -> str:
    """A replica that takes longer to start than others did. It names an instant, because the sentence is
    written when the reason changes."""
    since = time_of_day(starting.asked_at if starting.begun_at is None else starting.begun_at)
    return f"{_where(starting)} has been starting since {since}, and {usual(p95_seconds, samples)}"


def overdue(starting: StartingReplica, p95_seconds: float, samples: int) -> str:
    """A replica that takes so long to start that it will hardly become ready."""
    runs = starting.stage is Stage.RUNNING
    so_far = "a container runs, but the pod is not Ready" if runs else "none of the pod's containers runs"
    return f"{late(starting, p95_seconds, samples)}; {so_far}"


def usual(p95_seconds: float, samples: int) -> str:
    """How long starts take that end."""
    take = "take" if samples else "are expected to take"
    return f"95 % of starts {take} no longer than {p95_seconds:.0f} s"


def _where(starting: StartingReplica) -> str:
    return ", ".join(filter(None, (f"pod {starting.pod}" if starting.pod else "a replica", starting.words)))


def failing(waits: str, sentence: str) -> str:
    """Why no replica is started beside those that do not become ready."""
    return f"{waits}; no other replica is started, since the present start does not succeed: {sentence}"


def next_attempt(waits: str, failed: int, reason: str, next_at: float | None) -> str:
    """A start that waits because those before it failed."""
    why = f" ({reason})" if reason else ""
    have = "the last attempt to start has" if failed == 1 else f"the last {failed} attempts to start have"
    comes = "follows once the outcome of the present start is known"
    if next_at is not None:
        comes = f"is due at {time_of_day(next_at)}"
    return f"{waits}; {have} failed{why}, so the next one {comes}"


def one_at_a_time(explained: str, failed: int) -> str:
    """A start of fewer replicas than are needed."""
    have = "the last attempt" if failed == 1 else f"the last {failed} attempts"
    return f"{explained}, with a single replica because {have} failed"


def cancelled(now: float, replicas: Replicas, kept: int) -> str:
    """A start that is taken back."""
    oldest = now - min(starting.asked_at for starting in replicas.starting)
    taken_back = replicas.desired - kept
    are = "is" if taken_back == 1 else "are"
    return (
        f"no request waits any more, so {count(taken_back, 'replica')}, starting for up to {oldest:.0f} s "
        f"and not ready yet, {are} stopped{f'; {stay(kept)}' if kept else ''}"
    )


def warm_window(floor: WarmFloor) -> str:
    """The window that raises the floor, and until when."""
    until = f" until {floor.until}" if floor.until else ""
    return f"warm window {floor.window} asks for {count(floor.replicas, 'replica')}{until}"


def stay(replicas: int) -> str:
    """1 replica stays, 2 replicas stay; at zero the pool stays there."""
    if not replicas:
        return "the pool stays at zero"
    return "1 replica stays" if replicas == 1 else f"{replicas} replicas stay"


def demand_unknown(desired: int, problem: str) -> str:
    """Unknown demand is never treated as none."""
    return f"demand is unknown, so {stay(desired)}: {problem}"


def within_budget(spec: PoolSpec, workload: Workload, desired: int) -> str:
    """The replicas that there are suffice."""
    requests = count(workload.queued, "waiting request")
    return f"{count(desired, 'replica')} will take {requests} within {budget(spec)}"


def busy(workload: Workload, desired: int) -> str:
    """Replicas that work."""
    if not desired:
        return f"{in_flight(workload)}, and no replica of this pool runs: see the condition NoOrphans"
    text = f"{in_flight(workload)} on {count(desired, 'replica')}"
    if not workload.unworked:
        return text
    return (
        f"{text}; the replicas can't be working on {workload.unworked} of them: see the condition NoOrphans"
    )


def in_flight(workload: Workload) -> str:
    """1 request is in flight, 2 requests are in flight."""
    return f"{count(workload.in_flight, 'request')} {'is' if workload.in_flight == 1 else 'are'} in flight"


def idle(text: str, remaining: float, reason: Reason, unseen: str = UNSEEN) -> str:
    """Replicas that stay up without work for now; `text` says since when they have been idle, and `unseen`
    why they may be working."""
    unseen = f"{text}; {unseen}"
    if math.isinf(remaining):
        return f"{unseen} and maxServiceSeconds is not set, so no replica is stopped"
    if reason is Reason.IN_FLIGHT_UNSEEN:
        return f"{unseen}, so no replica is stopped for another {remaining:.0f} s"
    return f"{text}; the stop is due in {remaining:.0f} s unless a request arrives"


def have_been_idle(replicas: Replicas, seconds: float) -> str:
    """2 replicas, set by kubectl (scale) at 13:46:37 UTC, have been idle for 5 s."""
    desired, foreign = replicas.desired, replicas.foreign
    whose = "" if foreign is None else f", {_set_by(foreign)},"
    have = "has" if desired == 1 else "have"
    return f"{count(desired, 'replica')}{whose} {have} been idle for {seconds:.0f} s"


def set_elsewhere(foreign: Foreign) -> str:
    """2 replicas were set by kubectl (scale) at 13:46:37 UTC."""
    was = "was" if foreign.replicas == 1 else "were"
    return f"{count(foreign.replicas, 'replica')} {was} {_set_by(foreign)}"


def _set_by(foreign: Foreign) -> str:
    """Who set replicas that the operator did not ask for, and when: an instant, as in `handing_over`."""
    at = f"at {time_of_day(foreign.since)}"
    if not foreign.is_found:
        return f"set by {foreign.writer or ANOTHER_WRITER} {at}"
    by = f", set by {foreign.writer}" if foreign.writer else ""
    return f"found when the pool was first seen {at}{by}"


def held_back(because: str, wanted: int, desired: int, held: Held) -> str:
    """A change that is not written yet, because another writer would undo it."""
    return (
        f"no write before {time_of_day(held.until)}, because {held.writer or ANOTHER_WRITER} keeps changing "
        f"the replicas; {count(wanted, 'replica')} {'is' if wanted == 1 else 'are'} wanted instead of "
        f"{desired}: {because}"
    )


def stopped(text: str, desired: int, floor: int, keep_seconds: float, *, is_fixed: bool) -> str:
    """An idle pool goes down to its floor, after the keep-warm time or as long as was declared; `text` says
    since when it has been idle."""
    why = f"after {keep_seconds:.0f} s idle, a new start is expected to cost less than staying up"
    if is_fixed:
        why = f"scaleToZero.idleSeconds is {keep_seconds:g} s"
    surplus = desired - floor
    are_stopped = f"{surplus} of them {'is' if surplus == 1 else 'are'} stopped"
    if not floor:
        are_stopped = "it is stopped" if desired == 1 else "they are stopped"
    return f"{text}; {why}, so {are_stopped}"


def time_of_day(seconds: float) -> str:
    """13:46:37 UTC, of an instant in Unix seconds."""
    return f"{int(seconds) // 3600 % 24:02}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02} UTC"


def handing_over(stopped: str, waits_for: str, since: float | None) -> str:
    """A stop that waits for the activators; since when it has waited, and what is missing.

    It is an instant, because a pool is looked at when the reason changes: the seconds would stay at 0.
    """
    so_far = "" if since is None else f" since {time_of_day(since)}"
    return f"{stopped} once the activators hold new requests (waiting{so_far}: {waits_for})"


def ahead(workload: Workload, start_seconds: float, wanted: int) -> str:
    """A start for a load that grows, where a start outlasts the budget."""
    return (
        f"{waiting(workload.queued)} and {in_flight(workload)}; a start takes {start_seconds:.0f} s, so the "
        f"pool goes up to {count(wanted, 'replica')} now, before more requests are late"
    )


def expected(gap: float, *, by_daytime: bool) -> str:
    """A start for a request that has not come yet."""
    when = "at this time of the day " if by_daytime else ""
    return (
        f"the last request came {gap:.0f} s ago; {when}the next one is so likely that a start now is "
        "expected to cost less than letting that request wait"
    )


def surplus(workload: Workload, desired: int, kept: int) -> str:
    """Fewer replicas were enough."""
    is_stopped = "1 is stopped" if desired - kept == 1 else f"{desired - kept} are stopped"
    return (
        f"{in_flight(workload)}; {kept} of {desired} replicas have been enough for at least half as long as "
        f"a start takes, so {is_stopped}"
    )


def seconds(length: float) -> str:
    """A length of time in tenths of a second, where there are any: 7.4 s, 2 s."""
    return f"{length:.1f} s".replace(".0 ", " ")


def above_ceiling(desired: int, ceiling: int, lowered: int, allowed_by: str = "") -> str:
    """More run than are allowed, and may stop; `allowed_by` is what allows no more, where that is not the
    declared maximum."""
    are_stopped = "1 is stopped" if desired - lowered == 1 else f"{desired - lowered} are stopped"
    return f"{_above_ceiling(desired, ceiling, allowed_by)}, so {are_stopped}"


def above_ceiling_but_busy(desired: int, ceiling: int, allowed_by: str = "") -> str:
    """More run than are allowed, and may have work."""
    return (
        f"{_above_ceiling(desired, ceiling, allowed_by)}; all stay while one of them may be busy or starting"
    )


def _above_ceiling(desired: int, ceiling: int, allowed_by: str) -> str:
    allowed = f"that {allowed_by} allows" if allowed_by else "allowed"
    return f"{count(desired, 'replica')} {'is' if desired == 1 else 'are'} more than the {ceiling} {allowed}"
