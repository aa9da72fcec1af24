"""`BudgetAttainable` says what can't be kept, and what would keep it, before it is broken."""

import pytest

from poolkeeper.core.learning.lateness.always_on import AlwaysOn
from poolkeeper.core.learning.lateness.promise import Late, Promise
from poolkeeper.core.learning.service import ServiceRate
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.attainable import budget_attainable, rounded_percent
from tests.unit.core.strategies import T0, spec_of, taught

SPEC = spec_of(budget_seconds=120.0, max_replicas=1)
STATE = taught(SPEC, (30.0,) * 10)._replace(service=ServiceRate(100.0, 2800.0))


def followed(late: tuple[float, ...], requests: float = 1000.0) -> AlwaysOn:
    return AlwaysOn(120.0, (1, 2, 4), 0.0, (0.0,) * 3, late, requests)


@pytest.mark.parametrize(
    ("late", "message"),
    [
        (
            (41.0, 3.0, 0.0),
            "with at most 1 replica and 28 s per request, 4.1 % of the requests are late whatever is done; 2 "
            "replicas that are always ready would keep 99 % within 120 s; raise replicas.max",
        ),
        (
            (300.0, 80.0, 2.0),
            "with at most 1 replica and 28 s per request, 30 % of the requests are late whatever is done; 4 "
            "replicas that are always ready would keep 99 % within 120 s; raise replicas.max",
        ),
        (
            (900.0, 500.0, 250.0),
            "with at most 1 replica and 28 s per request, 90 % of the requests are late whatever is done; 4 "
            "replicas would still leave 25 % late; raise coldStart.budgetSeconds",
        ),
    ],
)
def test_a_ceiling_that_is_too_low_says_what_would_keep_the_promise(
    late: tuple[float, ...], message: str
) -> None:
    verdict = budget_attainable(SPEC, STATE._replace(always_on=followed(late)))
    assert (verdict.holds, verdict.reason) == (False, "CeilingTooLow")
    assert verdict.message == message


@pytest.mark.parametrize(
    ("late", "requests"),
    [
        (10.0, 1000.0),  # as many as allowed
        (15.0, 1000.0),  # more, but chance explains it
        (4.0, 5.0),  # four in the pool's first five requests
    ],
)
def test_a_few_late_requests_say_nothing_about_the_ceiling(late: float, requests: float) -> None:
    verdict = budget_attainable(SPEC, STATE._replace(always_on=followed((late, 0.0, 0.0), requests)))
    assert (verdict.holds, verdict.reason) == (True, "StartFitsBudget")


def test_a_long_service_time_is_written_out() -> None:
    slow = STATE._replace(always_on=followed((900.0, 500.0, 250.0)), service=ServiceRate(1.0, 4.3e6))
    assert "and 2200000 s per request" in budget_attainable(SPEC, slow).message


def test_counts_for_another_ceiling_or_budget_say_nothing() -> None:
    for raised in (
        spec_of(budget_seconds=120.0, max_replicas=2),
        spec_of(budget_seconds=900.0, max_replicas=1),
    ):
        verdict = budget_attainable(raised, STATE._replace(always_on=followed((900.0, 500.0, 250.0))))
        assert verdict.reason == "StartFitsBudget"


@pytest.mark.parametrize(
    ("late", "reason", "message"),
    [
        (Late(delay=90, replicas=90), "StartFitsBudget", ""),
        (Late(ceiling=14), "StartFitsBudget", ""),  # chance explains four more than ten
        (
            Late(ceiling=52),
            "CeilingTooLow",
            "5.2 % of the requests of the last day were late although the only replica that replicas.max "
            "allows was ready; raise replicas.max or coldStart.budgetSeconds",
        ),
        (
            Late(start=31, delay=200),
            "StartsMakeLate",
            "3.1 % of the requests of the last day were late because no replica was up, also where its "
            "start of 30 s began at once; keep a replica up, or raise coldStart.budgetSeconds above 120 s",
        ),
    ],
)
def test_what_no_estimate_shows_is_said_once_it_was_measured(late: Late, reason: str, message: str) -> None:
    verdict = budget_attainable(SPEC, measured_day(late, followed((3.0, 0.0, 0.0))))
    assert verdict.reason == reason
    assert verdict.message.startswith(message)


def measured_day(late: Late, counted: AlwaysOn) -> PoolState:
    """A day with 1,000 requests."""
    promise = Promise().enter(T0 - 3600.0, 1000, late)
    return STATE._replace(promise=promise, clock=T0, always_on=counted)


@pytest.mark.parametrize(
    ("late", "counted"),
    [
        pytest.param(Late(ceiling=500), followed((0.0, 0.0, 0.0)), id="the ceiling would do, were it ready"),
        pytest.param(Late(ceiling=500), followed((1.0, 0.0, 0.0), 100.0), id="the ceiling was raised"),
        pytest.param(Late(start=500), followed((1.0, 0.0, 0.0), 100.0), id="the budget was raised"),
        pytest.param(Late(start=500), AlwaysOn(), id="nothing was counted yet"),
    ],
)
def test_a_day_under_another_declaration_or_with_too_few_ready_blames_nobody(
    late: Late, counted: AlwaysOn
) -> None:
    assert budget_attainable(SPEC, measured_day(late, counted)).reason == "StartFitsBudget"


def test_late_requests_of_another_day_say_nothing() -> None:
    measured = STATE._replace(promise=Promise().enter(T0 - 2 * 86_400.0, 1000, Late(ceiling=500)), clock=T0)
    assert budget_attainable(SPEC, measured).reason == "StartFitsBudget"


@pytest.mark.parametrize(
    ("percent", "said"),
    [(41.234, 41.0), (4.1234, 4.1), (0.0412, 0.041), (0.0001, 0.01), (0.0, 0.0), (100.0, 100.0)],
)
def test_a_share_is_said_in_two_digits(percent: float, said: float) -> None:
    assert rounded_percent(percent) == said
