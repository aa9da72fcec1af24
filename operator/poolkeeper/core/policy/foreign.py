"""Rules about another writer: replicas that it set are left alone for their idle time, and a write that it
would undo is held back."""

import math

from poolkeeper.api.pool import ZeroMode
from poolkeeper.core.policy import outlook, say
from poolkeeper.core.policy.case import Case, Choice
from poolkeeper.core.tuning import FOREIGN_START_SECONDS
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.observation import Held


def left_alone_until(case: Case) -> float:
    """Until when replicas that another writer set are neither taken back nor surplus; minus infinity where
    there are none.

    The writer expects requests that the pool's past does not show. So the replicas idle for idleSeconds, or
    for as long as their start cost, from when they were first seen, or from when the first became ready.
    Example: 2 replicas set at 12:00:00, ready at 12:00:30, idleSeconds 60: until 12:01:30.
    """
    foreign = case.replicas.foreign
    if foreign is None:
        return -math.inf
    spec, state = case.spec, case.state
    is_fixed = spec.zero_mode is ZeroMode.FIXED and spec.idle_seconds is not None
    keep_seconds = spec.idle_seconds if is_fixed else outlook.terms(spec, state).restart
    if case.replicas.starting:
        return foreign.since + max(keep_seconds or 0.0, FOREIGN_START_SECONDS)
    return _seen_idle_since(case, foreign.since) + (keep_seconds or 0.0)


def are_left_alone(case: Case) -> bool:
    """Whether replicas that another writer set may still be neither taken back nor surplus."""
    return case.now < left_alone_until(case)


def idle_since(case: Case) -> float:
    """Since when the present replicas have been idle: an idle time from before another writer set them is not
    theirs."""
    since = case.now if case.state.idle_since is None else case.state.idle_since
    foreign = case.replicas.foreign
    return since if foreign is None else min(case.now, max(since, _seen_idle_since(case, foreign.since)))


def hold_back(case: Case, choice: Choice, held: Held) -> Choice:
    """No change while another writer would undo it: two writers that answer each other end workers over and
    over."""
    desired = case.replicas.desired
    if case.now >= held.until:
        return choice
    message = say.held_back(choice.message, choice.replicas, desired, held)
    return Choice(desired, Reason.HELD_BACK, message, min(choice.due_at, held.until))


def _seen_idle_since(case: Case, since: float) -> float:
    """A replica that loads is not idle yet. Of a later readiness it is not known which replica it is."""
    ready_since = since if case.state.ready_since is None else case.state.ready_since
    return max(since, min(ready_since, since + FOREIGN_START_SECONDS))
