"""Whether the promise can be kept at all, and if not, what would keep it: the condition `BudgetAttainable`.

A pool that is at zero breaks its promise where a start takes longer than the budget. A pool whose ceiling is
too low breaks it although all replicas are ready, since requests wait for each other.
"""

import math
from functools import lru_cache

from poolkeeper.core.learning.always_on import AlwaysOn
from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy import say
from poolkeeper.core.policy.bounds import MESSAGE_CACHE_SIZE
from poolkeeper.core.tuning import PROVEN_SAMPLES
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.spec import PoolSpec

LEAST_SAID_PERCENT = 0.01


def budget_attainable(spec: PoolSpec, state: PoolState) -> Verdict:
    """Whether the declared objective can be kept within the ceiling, and by a pool that starts from zero."""
    always_on = state.always_on
    if always_on.replicas[:1] == (spec.max_replicas,) and always_on.misses(0, spec.allowed_share):
        rate = state.service.per_replica(spec.concurrency)
        return _ceiling_too_low(spec, always_on, spec.concurrency / rate)
    return _start_fits(spec, state.starts)


def _ceiling_too_low(spec: PoolSpec, always_on: AlwaysOn, service_seconds: float) -> Verdict:
    enough = always_on.enough(spec.allowed_share)
    tried = always_on.replicas[-1] if enough is None else enough
    left = always_on.late_share(always_on.replicas.index(tried))
    shares = rounded_percent(100 * always_on.late_share(0)), rounded_percent(100 * left)
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
    late = f"with at most {say.count(most, 'replica')} and {service_seconds:g} s per request"
    late += f", {percent:g} % of the requests are late whatever is done"
    if enough is None:
        helps = f"{tried} replicas would still leave {left:g} % late; raise coldStart.budgetSeconds"
    else:
        promised = f"{objective_percent:g} % within {budget_seconds:g} s"
        helps = f"{enough} replicas would keep {promised}; raise replicas.max"
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
