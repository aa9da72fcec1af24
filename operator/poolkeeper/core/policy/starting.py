"""Rules about starts: how many replicas, how late, and when to take a start back."""

import math
from itertools import accumulate
from operator import itemgetter

from poolkeeper.api.pool import StartMode
from poolkeeper.core.learning import delay, load
from poolkeeper.core.learning.delay import Delay
from poolkeeper.core.learning.lateness import objective
from poolkeeper.core.learning.load import ROUNDING
from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.learning.starts.unseen import starts_before_delay
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy import outlook, say, sizing
from poolkeeper.core.policy.capacity import Batch, Capacity, batches
from poolkeeper.core.policy.case import (
    Case,
    Choice,
    confirmed_idle_at,
    is_expecting,
    loading,
    longest_load_seconds,
    revocable,
    unseen_until,
)
from poolkeeper.core.policy.foreign import are_left_alone, left_alone_until
from poolkeeper.core.policy.shortage import Need
from poolkeeper.core.policy.sizing import StartPlan
from poolkeeper.core.tuning import (
    ADMISSION_SECONDS,
    CATCH_UP_BEFORE_STARTS,
    CHANCE_DEVIATIONS,
    EARLIEST_TAIL,
    FIRST_SERVICE_SECONDS,
    FIRST_STEP_REPLICAS,
    GRACE_BUDGET_SHARE,
    GROWTH_STEP_FACTOR,
    LATE_FOLLOWERS,
    LATE_SHORTFALL_SHARE,
    MOST_RISK,
    SAME_POLL_SHARE,
    SERVICE_RATE_MARGIN,
    STARTS_BEFORE_DELAY,
)
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec

_REQUESTS = itemgetter(1)


def plan_starts(
    now: float, spec: PoolSpec, workload: Workload, replicas: Replicas, ceiling: int, state: PoolState
) -> StartPlan:
    """What the waiting requests need beyond the ready and the starting replicas."""
    if not workload.queued:
        return sizing.NOTHING
    starts, waiting = state.starts, workload.waiting
    allowance = state.objective.allowance(spec.allowed_share)
    cumulative_requests = tuple(accumulate(map(_REQUESTS, waiting)))
    patience, grace = spec.budget_seconds - spec.margin_seconds, GRACE_BUDGET_SHARE * spec.budget_seconds
    usual_seconds = starts.quantile(EARLIEST_TAIL)

    def start_seconds(requests: float) -> float:
        tail = allowance / (LATE_FOLLOWERS * requests)
        return starts.quantile(tail if tail < MOST_RISK else MOST_RISK)

    # One more replica is worth its start where it is expected to save `1 / price` late requests.
    sizing_seconds = starts.quantile(min(1.0 / (state.objective.price * workload.queued), EARLIEST_TAIL))

    # Here and in `_capacity`, in the order of the fields: keywords take twice as long.
    need = Need(waiting, cumulative_requests, patience, grace, usual_seconds, start_seconds, sizing_seconds)
    capacity = _capacity(now, spec, workload, replicas, allowance, state)
    return sizing.plan(now, need, capacity, state.load.lasting_growth, ceiling - replicas.desired)


def shorten_delay(
    now: float, spec: PoolSpec, workload: Workload, replicas: Replicas, plan: StartPlan, state: PoolState
) -> tuple[StartPlan, PoolState]:
    """The plan for a start that can wait, without a delay that makes those late who come meanwhile."""
    start_at, account, patience = plan.start_at, state.objective, spec.budget_seconds - spec.margin_seconds
    if not replicas.desired:
        allowed = state.delay
        key = (workload.waiting[-1].arrived_at, workload.queued, plan.more)
        if allowed is None or allowed[:3] != key:
            line = outlook.line(spec, workload.queued, plan.more, state)
            risk = account.allowance(spec.allowed_share) / LATE_FOLLOWERS
            allowed = Delay(*key, delay.longest(state.gaps, state.starts, line, risk))
            state = state._replace(delay=allowed)
        start_at = min(start_at, allowed.arrived_at + allowed.seconds)
    needed_at = plan.deadline - patience
    start_at = needed_at + account.delay_share * (start_at - needed_at)
    return plan._replace(start_at=max(start_at, now)), state


def _capacity(
    now: float, spec: PoolSpec, workload: Workload, replicas: Replicas, allowance: float, state: PoolState
) -> Capacity:
    """What the ready and the starting replicas can take."""
    ready, worked, slots = min(replicas.ready, replicas.desired), workload.worked, spec.concurrency
    free = max(0.0, ready * slots - worked) if ready else 0.0
    coming = _coming(now, replicas, allowance, state) if replicas.starting else ()
    rate = SERVICE_RATE_MARGIN * state.service.per_replica(spec, worked)
    if state.load.reserve and state.starts.p50_seconds <= spec.budget_seconds:
        # Requests were late because the present replicas took longer than planned: less is expected of them.
        rate /= 1.0 + state.load.reserve
    return Capacity(free, ready, coming, slots, rate)


def _coming(now: float, replicas: Replicas, allowance: float, state: PoolState) -> tuple[Batch, ...]:
    tail = max(EARLIEST_TAIL, min(allowance, MOST_RISK))
    ages = [starting.age(now) for starting in replicas.starting]
    return batches([now + state.starts.remaining(age, tail) for age in ages])


def start_ahead(case: Case) -> Choice | None:
    """If a start takes longer than the budget, replicas are started for a growing load before requests are
    late."""
    desired = case.replicas.desired
    if case.workload.is_empty or desired >= case.limits.ceiling:
        return None
    shortfall_seconds, start_seconds = _shortfall_seconds(case), case.start_seconds
    # Before a request was completed, the load in replicas is a guess: the plan's number has to do.
    is_late = bool(case.plan.late) and case.state.service.is_known(case.spec)
    if is_late:
        shortfall_seconds = max(shortfall_seconds, LATE_SHORTFALL_SHARE * start_seconds)
    if shortfall_seconds <= 0.0:
        return None
    needed = _ahead(case)
    if is_late or not case.replicas.ready:
        needed = max(needed, _to_catch_up(case, shortfall_seconds))
    needed = min(needed, _usable(case, start_seconds))
    wanted = min(
        needed,
        case.limits.ceiling,
        max(desired, FIRST_STEP_REPLICAS, GROWTH_STEP_FACTOR * case.replicas.ready),
    )
    needed_at_once = case.plan.more if case.plan.late else 0
    if wanted <= desired + needed_at_once:
        return None
    return Choice(wanted, Reason.START_AHEAD, say.ahead(case.workload, start_seconds, wanted))


def _ahead(case: Case) -> int:
    """Replicas that a growing load needs; 0 where the present ones and those that are loading suffice."""
    starts, usual_seconds = case.state.starts, case.start_seconds
    left = [starts.remaining(starting.age(case.now), 0.5) for starting in case.coming]
    loading_seconds = sum([seconds if seconds < usual_seconds else usual_seconds for seconds in left])
    offered = outlook.offered_load(case.spec, case.workload, case.state)
    needed = outlook.needed_ahead(case.spec, case.workload, case.state, offered, loading_seconds)
    if math.ceil(needed - ROUNDING) <= case.replicas.desired:
        return 0
    return math.ceil(max(needed, offered.replicas) - ROUNDING)


def outgrown_at(case: Case) -> float:
    """When a start ahead may be due although no reading changes: at the next poll, if at all.

    Waiting requests come closer to their deadlines as time passes.
    """
    has_room = case.replicas.desired < case.limits.ceiling
    if not has_room or not case.workload.queued or _shortfall_seconds(case) <= 0.0:
        return math.inf
    poll_seconds = case.spec.poll_seconds
    polled_at = max((reading.observed_at for reading in case.workload.readings), default=case.now)
    return max(polled_at, case.now - SAME_POLL_SHARE * poll_seconds) + poll_seconds


def _shortfall_seconds(case: Case) -> float:
    """By how many seconds a start takes longer than the budget allows; before any start was seen, at least
    the mean over all that one may take."""
    starts, allowed_seconds = case.state.starts, case.spec.budget_seconds - case.spec.margin_seconds
    if starts.samples:
        return case.start_seconds - allowed_seconds
    return max(case.start_seconds - allowed_seconds, starts.mean_excess(allowed_seconds))


def expected_start(now: float, coming: tuple[StartingReplica, ...], starts: StartTimes) -> float:
    """The expected start time: the median, but no less than what the running starts show."""
    expected = starts.p50_seconds if starts.samples >= STARTS_BEFORE_DELAY else starts.quantile(EARLIEST_TAIL)
    if not coming:
        return expected
    oldest = max([starting.age(now) for starting in coming])
    return max(expected, oldest + starts.remaining(oldest, 0.5))


def _usable(case: Case, start_seconds: float) -> int:
    """Replicas whose slots the waiting requests, those in flight and those that arrive meanwhile could fill
    at once.

    Growth is expected to go on for as long as it has been watched, and no longer.
    """
    workload, offered, spec = case.workload, case.state.load, case.spec
    if case.replicas.ready:
        watched_seconds = load.recent_seconds(spec.budget_seconds)
        expected = max(offered.lasting_growth, 0.0) * min(start_seconds, watched_seconds)
    else:
        expected = _surely_came(workload)
    requests = workload.queued + max(workload.worked, offered.recent.in_flight) + expected
    return math.ceil(requests / spec.concurrency)


def _surely_came(workload: Workload) -> float:
    """Requests that came since the first ones that wait, but for what chance explains: of 16, at least
    16 - 1.5 × √16 = 10. Those that came first only begin the time in which the others came."""
    came = workload.queued - workload.waiting[0].requests if workload.waiting else 0
    return max(came - CHANCE_DEVIATIONS * math.sqrt(came), 0.0)


def _to_catch_up(case: Case, shortfall_seconds: float) -> int:
    """Replicas that work off a backlog before too many more requests are late.

    If `load` replicas keep up with the arrivals and the oldest request is `shortfall` seconds late, k
    replicas leave load × rate × shortfall / (1 - load / k) requests late until they have caught up. One more
    replica costs a start; it saves less than that in late requests from k = load × (1 + √(price × rate ×
    shortfall)) on. Example: load 2, price 0.25, rate 0.1 requests/s, shortfall 40 s: 2 × (1 + √1) = 4
    replicas. Before a start was seen, shortfall and price are guesses: twice the load, which works a backlog
    off in as long as it took to build up, is the most.
    """
    spec, state = case.spec, case.state
    rate = state.service.per_replica(spec, case.workload.worked)
    busy_replicas = state.load.recent_replicas(spec.concurrency, rate)
    watched_seconds = case.now - case.workload.waiting[0].arrived_at if case.workload.waiting else 0.0
    if not case.replicas.ready and watched_seconds > 0.0:
        busy_replicas = max(busy_replicas, _surely_came(case.workload) / watched_seconds / rate)
    ahead = math.sqrt(state.objective.price * rate * shortfall_seconds)
    if not state.starts.samples:
        ahead = min(ahead, CATCH_UP_BEFORE_STARTS)
    return int(busy_replicas * (1.0 + ahead))


def start(case: Case) -> Choice | None:
    """Start the replicas that the waiting requests need, once their start can wait no longer."""
    plan, desired = case.plan, case.replicas.desired
    if not plan.more:
        return None
    ready = min(case.replicas.ready, desired)
    most = min(case.limits.ceiling, max(desired, FIRST_STEP_REPLICAS, GROWTH_STEP_FACTOR * ready))
    wanted = min(desired + plan.more, most)
    if wanted <= desired:
        return None
    known_at = _service_known_at(case)
    if known_at > case.now:
        known = f"is known once a request is done, or in {known_at - case.now:.0f} s without one"
        message = f"{say.waits(case.now, case.workload)}; how many more replicas they need {known}"
        return Choice(desired, Reason.WAITING_FOR_DEADLINE, message, known_at)
    explained = say.start(case.now, case.spec, case.workload, plan, case.state.starts.samples)
    if plan.late:
        return Choice(wanted, Reason.START_AT_ONCE, say.at_once(explained))
    undelayed = _why_not_delayed(case)
    if undelayed:
        return Choice(wanted, Reason.START_AT_ONCE, say.at_once(explained, undelayed))
    if plan.start_at <= case.now:
        return Choice(wanted, Reason.START_FOR_DEADLINE, say.due(explained, case.spec, wanted - desired))
    message = say.not_due(explained, case.spec, plan.start_at - case.now)
    return Choice(desired, Reason.WAITING_FOR_DEADLINE, message, plan.start_at)


def _service_known_at(case: Case) -> float:
    """Until when replicas that have just begun to work should show how long a request takes, before more are
    started: until the first completion, or the expected service time.

    Minus infinity where nothing is awaited, also if a request would be late before that.
    """
    state, spec = case.state, case.spec
    if state.service.is_known(spec) or state.ready_since is None or not spec.may_delay:
        return -math.inf
    known_at = state.ready_since + min(FIRST_SERVICE_SECONDS, GRACE_BUDGET_SHARE * spec.budget_seconds)
    return known_at if known_at < case.workload.waiting[0].arrived_at + spec.budget_seconds else -math.inf


def _why_not_delayed(case: Case) -> str:
    """Why a start that could wait is not delayed; empty if it is."""
    if not case.spec.may_delay:
        return say.IMMEDIATELY if case.spec.start is StartMode.IMMEDIATELY else say.STRICTEST
    seen, per_start = case.state.starts.samples, objective.start_begins(case.state.objective).per_start
    risk = case.spec.allowed_share * per_start / LATE_FOLLOWERS
    enough = starts_before_delay(case.state.starts, risk)
    return say.too_few_starts(seen, enough) if seen < enough else ""


def cancel(case: Case) -> Choice | None:
    """Take back starts that are needed no more, because the queue has drained before they were ready."""
    replicas = case.replicas
    if not replicas.starting or case.workload.queued or is_expecting(case) or are_left_alone(case):
        return None
    kept = max(case.limits.floor, replicas.desired - revocable(case))
    if kept >= replicas.desired or (case.workload.in_flight and kept < max(case.state.load.recent_peak, 1)):
        return None
    due_at = confirmed_idle_at(case)
    if case.workload.is_empty and due_at > case.now:
        return Choice(replicas.desired, Reason.STARTING, say.starting(replicas), due_at)
    return Choice(kept, Reason.START_CANCELLED, say.cancelled(case.now, replicas, kept))


def hold_while_starting(case: Case) -> Choice | None:
    """No replica stops while one is loading, since Kubernetes chooses which one goes, and may choose one that
    works. Nor does one while a replica that waits to be admitted is needed, or left to another writer."""
    replicas, now = case.replicas, case.now
    if not replicas.starting:
        return None
    coming = loading(case)
    if not (coming or case.workload.queued or is_expecting(case) or are_left_alone(case)):
        return None
    remaining = None
    if coming:
        remaining = case.state.starts.remaining(max([starting.age(now) for starting in coming]), 0.5)
    message = say.starting(replicas, remaining)
    due_at = min(_held_until(case, coming, remaining), outgrown_at(case))
    if replicas.foreign is not None:
        message = f"{message}; {say.set_elsewhere(replicas.foreign)}"
        due_at = min(due_at, left_alone_until(case)) if are_left_alone(case) else due_at
    return Choice(replicas.desired, Reason.STARTING, message, due_at)


def _held_until(case: Case, coming: list[StartingReplica], remaining: float | None) -> float:
    """When a replica that is loading should be ready, while requests wait for it; else when the first may be
    taken back, or has been loading for too long."""
    if case.workload.queued:
        return math.inf if remaining is None else case.now + max(remaining, 1.0)
    return min([_loaded_until(case, starting) for starting in coming], default=math.inf)


def _loaded_until(case: Case, starting: StartingReplica) -> float:
    """Until when, without news, a replica of a pool without waiting requests is left to load."""
    if starting.begun_at is None:
        return starting.asked_at + ADMISSION_SECONDS
    until = unseen_until(case) if starting.stage is Stage.NO_CONTAINER else math.inf
    loaded_at = starting.begun_at + longest_load_seconds(case.state.starts)
    return min(until if until > case.now else math.inf, loaded_at)
