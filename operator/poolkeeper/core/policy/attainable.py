"""Whether the promise can be kept at all, and if not, what would keep it: the condition `BudgetAttainable`.

A pool that is at zero breaks its promise where a start takes longer than the budget. A pool whose ceiling is
too low breaks it although all replicas are ready, since requests wait for each other.
"""

import math
from functools import lru_cache

from poolkeeper.core.learning.lateness import always_on
from poolkeeper.core.learning.lateness.always_on import AlwaysOn
from poolkeeper.core.learning.lateness.promise import WINDOWS
from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy import say
from poolkeeper.core.policy.bounds import MESSAGE_CACHE_SIZE
from poolkeeper.core.tuning import ALWAYS_ON_MEMORY_REQUESTS, PROVEN_SAMPLES
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.spec import PoolSpec

LEAST_SAID_PERCENT = 0.01
DAY = WINDOWS[1]


def budget_attainable(spec: PoolSpec, state: PoolState) -> Verdict:
    """Whether the declared objective can be kept within the ceiling, and by a pool that starts from zero."""
    followed = state.always_on
    if followed.is_for(spec) and followed.misses(0, spec.allowed_share):
        rate = state.service.per_replica(spec)
        return _ceiling_too_low(spec, followed, spec.concurrency / rate)
    verdict = _start_fits(spec, state.starts)
    late = state.promise.total.late
    if verdict.holds is False or not (late.start or late.ceiling):
        return verdict
    return _as_measured(spec, state) or verdict


def _as_measured(spec: PoolSpec, state: PoolState) -> Verdict | None:
    """What the last day shows that no estimate did; None if it shows nothing against the promise.

    Service times that vary a lot make more requests late than their mean suggests. Where most of the day had
    another ceiling or budget it says nothing about the present ones. Nor does it blame the ceiling where no
    request would be late behind replicas that are always ready: then they were ready too late.
    """
    taken, late = state.promise.over(DAY, state.clock)
    followed = state.always_on
    if not followed.is_for(spec) or 2.0 * followed.requests < min(taken, ALWAYS_ON_MEMORY_REQUESTS):
        return None
    if followed.late[0] and always_on.exceeds(late.ceiling, spec.allowed_share * taken):
        percent = rounded_percent(100 * late.ceiling / taken)
        return _ceiling_was_too_low(spec.max_replicas, percent)
    if always_on.exceeds(late.start, spec.allowed_share * taken):
        percent, usual_seconds = rounded_percent(100 * late.start / taken), state.starts.p50_seconds
        return _starts_were_too_slow(spec.budget_seconds, percent, two_digits(usual_seconds))
    return None


@lru_cache(maxsize=MESSAGE_CACHE_SIZE)
def _ceiling_was_too_low(most: int, percent: float) -> Verdict:
    up = "the only replica" if most == 1 else f"all {most} replicas"
    message = (
        f"{percent:g} % of the requests of the last day were late although {up} that replicas.max allows"
    )
    return Verdict(
        False,
        "CeilingTooLow",
        f"{message} {'was' if most == 1 else 'were'} ready; raise replicas.max or coldStart.budgetSeconds",
    )


@lru_cache(maxsize=MESSAGE_CACHE_SIZE)
def _starts_were_too_slow(budget_seconds: float, percent: float, usual_seconds: float) -> Verdict:
    return Verdict(
        False,
        "StartsMakeLate",
        f"{percent:g} % of the requests of the last day were late because no replica was up, also where its "
        f"start of {usual_seconds:g} s began at once; keep a replica up, or raise coldStart.budgetSeconds "
        f"above {budget_seconds:g} s",
    )


def _ceiling_too_low(spec: PoolSpec, followed: AlwaysOn, service_seconds: float) -> Verdict:
    enough = followed.enough(spec.allowed_share)
    tried = followed.replicas[-1] if enough is None else enough
    left = followed.late_share(followed.replicas.index(tried))
    shares = rounded_percent(100 * followed.late_share(0)), rounded_percent(100 * left)
    promised = spec.max_replicas, spec.objective_percent, spec.budget_seconds
    return _unavoidable(*promised, enough, tried, *shares, two_digits(service_seconds))


@lru_cache(maxsize=MESSAGE_CACHE_SIZE)
def _unavoidable(
    most: int,
    objective_percent: float,
    budget_seconds: float,
    enough: int | None,
    tried: int,
    percent: float,
    left: float,
    service_seconds: float,
) -> Verdict:
    late = f"with at most {say.count(most, 'replica')} and {service_seconds:.15g} s per request"
    late += f", {percent:g} % of the requests are late whatever is done"
    if enough is None:
        helps = f"{tried} replicas would still leave {left:g} % late; raise coldStart.budgetSeconds"
    else:
        promised = f"{objective_percent:g} % within {budget_seconds:g} s"
        helps = f"{enough} replicas that are always ready would keep {promised}; raise replicas.max"
    return Verdict(False, "CeilingTooLow", f"{late}; {helps}")


def rounded_percent(percent: float) -> float:
    """A share as it is said: steady while it hardly changes, since each change would be written."""
    return max(two_digits(percent), LEAST_SAID_PERCENT) if percent else 0.0


def two_digits(number: float) -> float:
    """A positive number rounded to two significant digits: 28.4 is 28, 0.0416 is 0.042."""
    return round(number, 1 - math.floor(math.log10(number))) if number > 0.0 else 0.0


def _start_fits(spec: PoolSpec, starts: StartTimes) -> Verdict:
    """Whether a start, and what comes before and after it, fits the budget at the declared objective."""
    seconds = starts.quantile(spec.allowed_share)
    return _attainable(
        starts.samples, seconds, spec.objective_percent, spec.budget_seconds, spec.margin_seconds
    )


@lru_cache(maxsize=MESSAGE_CACHE_SIZE)
def _attainable(
    samples: int, seconds: float, objective_percent: float, budget_seconds: float, margin_seconds: float
) -> Verdict:
    takes = f"{objective_percent:g} % of starts take up to {say.seconds(seconds)}"
    if samples < PROVEN_SAMPLES:
        message = (
            f"{samples} of the {PROVEN_SAMPLES} starts that are needed have been measured; until then, it is "
            f"expected that {takes}"
        )
        return Verdict(None, "NotEnoughStarts", message)
    takes += f", reading demand and passing requests on up to {say.seconds(margin_seconds)}"
    left = budget_seconds - seconds - margin_seconds
    if left >= 0.0:
        return Verdict(
            True,
            "StartFitsBudget",
            f"{takes}: {say.seconds(left)} of the budget of {budget_seconds:g} s are left",
        )
    return Verdict(
        False,
        "StartExceedsBudget",
        f"{takes}: {say.seconds(-left)} more than the budget of {budget_seconds:g} s; raise "
        "coldStart.budgetSeconds or keep a replica up",
    )
