"""The sentences of decisions, as a user of kubectl reads them: subject, verb, numbers with units."""

import pytest

from poolkeeper.core.policy import say, say_held
from poolkeeper.core.policy.attainable import budget_attainable
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.demand import survey
from poolkeeper.core.values.observation import Observation, Stage, StartingReplica, WarmFloor
from tests.unit.core.strategies import T0, reading, replicas, spec_of, taught

STARTING = replicas(2, starting_for=(3.0, 5.0))


def idle_for(number: int, seconds: float) -> str:
    return say.have_been_idle(replicas(number), seconds)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            say.stopped(idle_for(1, 5.4), 1, 0, 5.0, is_fixed=False),
            "1 replica has been idle for 5 s; after 5 s idle, a new start is expected to cost less than "
            "staying up, so it is stopped",
        ),
        (
            say.stopped(idle_for(4, 30.0), 4, 1, 30.0, is_fixed=True),
            "4 replicas have been idle for 30 s; scaleToZero.idleSeconds is 30 s, so 3 of them are stopped",
        ),
        (
            say.idle(idle_for(2, 7.0), 60.0, Reason.IN_FLIGHT_UNSEEN),
            "2 replicas have been idle for 7 s; the source doesn't show requests in flight, so no replica is "
            "stopped for another 60 s",
        ),
        (
            say.cancelled(T0, STARTING, 0),
            "no request waits any more, so 2 replicas, starting for up to 5 s and not ready yet, are stopped",
        ),
        (
            say.cancelled(T0, STARTING, 1),
            "no request waits any more, so 1 replica, starting for up to 5 s and not ready yet, is stopped; "
            "1 replica stays",
        ),
        (
            say.demand_unknown(0, "source jobs has not reported yet"),
            "demand is unknown, so the pool stays at zero: source jobs has not reported yet",
        ),
        (
            say.warm_window(WarmFloor(2, None, "office-hours", "18:00 Europe/Berlin")),
            "warm window office-hours asks for 2 replicas until 18:00 Europe/Berlin",
        ),
        (say.warm_window(WarmFloor(1, None, "always")), "warm window always asks for 1 replica"),
        (
            say.next_attempt("1 request has waited 9 s", 1, "", T0),
            "1 request has waited 9 s; the last attempt to start has failed, so the next one is due at "
            "22:13:20 UTC",
        ),
        (
            say.next_attempt("2 requests wait", 3, "ImagePullBackOff", None),
            "2 requests wait; the last 3 attempts to start have failed (ImagePullBackOff), so the next one "
            "follows once the outcome of the present start is known",
        ),
        (
            say.fails(
                StartingReplica(T0, Stage.NO_CONTAINER, T0, "CrashLoopBackOff", pod="a", words="container b")
            ),
            "pod a, container b: CrashLoopBackOff (asked for at 22:13:20 UTC)",
        ),
        (
            say.overdue(StartingReplica(T0, Stage.RUNNING, T0, pod="a"), 12.0, 6),
            "pod a has been starting since 22:13:20 UTC, and 95 % of starts take no longer than 12 s; a "
            "container runs, but the pod is not Ready",
        ),
        (
            say_held.unadmitted(
                StartingReplica(T0, Stage.UNADMITTED, None, "QuotaExceeded", words="exceeded quota: q")
            ),
            "no pod could be created for a replica that was asked for at 22:13:20 UTC (QuotaExceeded: "
            "exceeded quota: q)",
        ),
        (say.above_ceiling(1, 0, 0), "1 replica is more than the 0 allowed, so 1 is stopped"),
        (
            say.above_ceiling_but_busy(6, 4),
            "6 replicas are more than the 4 allowed; all stay while one of them may be busy or starting",
        ),
        (
            say.above_ceiling(3, 1, 1, "quota"),
            "3 replicas are more than the 1 that quota allows, so 2 are stopped",
        ),
    ],
)
def test_a_sentence_reads_well(sentence: str, expected: str) -> None:
    assert sentence == expected


def test_a_budget_that_a_start_alone_would_fit_names_what_else_takes_time() -> None:
    spec = spec_of(budget_seconds=30.0)
    verdict = budget_attainable(spec, taught(spec, (29.4,) * 40))
    assert verdict.holds is False
    assert "reading demand and passing requests on up to 1 s: 3.1 s more than the budget of 30 s" in (
        verdict.message
    )


@pytest.mark.parametrize(
    ("budget", "holds", "margin"),
    [
        (60.0, True, ": 28.4 s of the budget of 60 s are left"),
        (32.0, True, ": 0.4 s of the budget of 32 s are left"),
        (
            31.0,
            False,
            ": 0.6 s more than the budget of 31 s; raise coldStart.budgetSeconds or keep a replica up",
        ),
    ],
)
def test_what_is_attainable_says_by_how_much(budget: float, margin: str, *, holds: bool) -> None:
    spec = spec_of(budget_seconds=budget)
    verdict = budget_attainable(spec, taught(spec, (28.0,) * 40))
    assert verdict.holds is holds
    assert verdict.message.endswith(margin)


@pytest.mark.parametrize(("read_at", "when"), [(-34.0, "34 s ago"), (34.0, "34 s later than now")])
def test_a_source_that_was_not_read_lately_says_when_it_was(read_at: float, when: str) -> None:
    """Later than now: the clock of the node was set back."""
    workload = survey(T0, spec_of(), Observation((reading(T0 + read_at),), None), 0.0)
    assert workload.verdict.message == f"source queue was last read {when}, more than 10 s"
