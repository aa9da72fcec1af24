"""`--suggest` finds what keeps a promise, on traces where it is known what does."""

import json
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from poolkeeper.backtest.comparison import Comparison, compare
from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.reporting.report.suggested import suggestions_page
from poolkeeper.backtest.reporting.suggested import print_suggestions, suggestions_as_json, verdict
from poolkeeper.backtest.reporting.unattainable import of_rows, unattainable
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.backtest.suggest.changes import ALWAYS_UP, Change, changes, other_promises
from poolkeeper.backtest.suggest.search import Suggestion, Tried, suggest
from poolkeeper.backtest.traces.trace import PoolTrace, Trace
from tests.unit.backtest.traces import pool

HOUR = 3600.0
PAIRS = [HOUR * number + second for number in range(60) for second in (0.0, 0.1)]
"""Two requests at once every hour: the second waits for the first one's service."""


def suggested(
    requests: PoolTrace, setting: Setting, start_seconds: float = 10.0
) -> tuple[Comparison, Suggestion]:
    trace = Trace("pairs", (requests,))
    comparison = Comparison((trace,), (), setting, Constant(start_seconds), {"seed": 0})
    (found,) = suggest(comparison)
    return comparison, found


def test_two_long_jobs_at_once_need_two_replicas() -> None:
    setting = Setting(budget_seconds=60.0, objective_percent=95.0)
    _, found = suggested(pool(PAIRS, service=80.0), setting)
    assert not found.declared.keeps
    assert found.cheapest is not None
    assert found.cheapest.change.words == "replicas.max: 2"


def test_or_a_budget_that_lets_the_second_job_wait_for_the_first() -> None:
    setting = Setting(budget_seconds=60.0, objective_percent=95.0)
    _, found = suggested(pool(PAIRS, service=85.0), setting)
    assert found.shortest_budget is not None
    # A start of 10 s and a job of 85 s: 1.5 times the budget is too short by 5 s.
    assert found.shortest_budget.change.words == "budgetSeconds: 120"


def test_where_the_start_outlasts_the_budget_a_replica_must_stay_up() -> None:
    setting = Setting(budget_seconds=20.0, objective_percent=90.0)
    _, found = suggested(
        pool([HOUR * number for number in range(60)], service=1.0), setting, start_seconds=90.0
    )
    assert found.cheapest is not None
    assert found.cheapest.change.words in ("whenUnattainable: KeepWarm", "scaleToZero.mode: Never")
    (said,) = found.declared.said
    assert said.startswith("pool: 90 % of starts take up to 94.4 s")
    assert said.endswith(
        "75.4 s more than the budget of 20 s; raise coldStart.budgetSeconds or keep a replica up"
    )


def test_where_no_start_is_early_enough_all_replicas_must_stay_up() -> None:
    setting = Setting(budget_seconds=60.0, objective_percent=95.0)
    _, found = suggested(pool(PAIRS, service=80.0), setting, start_seconds=90.0)
    assert found.cheapest is not None
    assert found.cheapest.change.words == "replicas.min and replicas.max: 2"
    assert found.cheapest.late == 0


@pytest.mark.parametrize(
    ("least", "most", "tried"), [(0, 1, ["2", "4"]), (0, 2, ["2", "3", "4", "8"]), (2, 2, ["3", "4", "8"])]
)
def test_replicas_that_are_always_up_are_tried_unless_they_are_declared(
    least: int, most: int, tried: list[str]
) -> None:
    setting = Setting(budget_seconds=60.0, min_replicas=least, max_replicas=most)
    assert [each.value for each in changes(setting) if each.field == ALWAYS_UP] == tried


def test_a_promise_that_is_kept_needs_nothing() -> None:
    setting = Setting(budget_seconds=60.0, objective_percent=95.0)
    _, found = suggested(pool([HOUR * number for number in range(60)], service=1.0), setting)
    assert found.declared.keeps
    assert found.cheapest is not None
    assert found.cheapest.hours <= found.declared.hours
    _, advice, *_ = verdict(found)
    assert advice.startswith("Nothing needs to change. ")


def test_what_keeps_a_promise_by_declaring_less_is_named_with_that_risk() -> None:
    setting = Setting(budget_seconds=60.0, objective_percent=99.0)
    declared = Tried(Change("as declared", "", setting, 60.0, 99.0), 2.0, 0, 100, ())
    less = Change("objectivePercent", "90", replace(setting, objective_percent=90.0), 60.0, 99.0)
    found = Suggestion("pairs", declared, (Tried(less, 1.9, 1, 100, ()),), ())
    assert list(verdict(found))[1:] == [
        "Nothing needs to change. The cheapest that keeps it: objectivePercent: 90, "
        "for 1.90 h (-5.0 %) with 1.00 % late.",
        "It declares less than the 99 % that are promised, so that other requests may break the promise.",
    ]


def test_it_is_said_in_words_and_as_a_table() -> None:
    setting = Setting(budget_seconds=60.0, objective_percent=95.0)
    _, found = suggested(pool(PAIRS, service=85.0), setting)
    console = Console(file=StringIO(), width=200)
    print_suggestions([found], console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.startswith(
        "pairs: as declared, 95 % within 60 s is broken: 50.00 % of 120 requests are late"
    )
    assert "The cheapest that keeps it: replicas.max: 2, for " in printed
    assert "With a longer budget: 95 % within 120 s is kept for " in printed


def test_the_same_trace_gives_the_same_bytes() -> None:
    setting = Setting(budget_seconds=60.0, objective_percent=95.0)
    texts = {suggestions_as_json(comparison, [found]) for comparison, found in
             (suggested(pool(PAIRS, service=80.0), setting) for _ in range(2))}  # fmt: skip
    (text,) = texts
    assert [each["kept"] for each in json.loads(text) if each["declared"] == "replicas.max: 2"] == [True]


def test_the_page_marks_what_to_declare_and_leaves_out_what_costs_many_times_as_much() -> None:
    comparison, found = suggested(
        pool(PAIRS, service=80.0), Setting(budget_seconds=60.0, objective_percent=95.0)
    )
    html = suggestions_page(comparison, [found], "poolkeeper backtest --suggest")
    assert '<tr class=ours><th scope="row">replicas.max: 2</th>' in html
    plot = html.partition("<svg")[2].partition("</svg>")[0]
    assert "as declared" in plot
    assert "Never" not in plot
    assert "<code>poolkeeper backtest --suggest</code>" in html


@pytest.mark.parametrize("least", [0, 1])
def test_never_at_zero_is_only_tried_where_the_pool_may_be_at_zero(least: int) -> None:
    words = {
        change.words for change in changes(Setting(budget_seconds=60.0, min_replicas=least, max_replicas=2))
    }
    assert ("scaleToZero.mode: Never" in words) == (least == 0)


def test_only_a_longer_budget_is_another_promise() -> None:
    setting = Setting(budget_seconds=60.0)
    assert {(each.budget_seconds, each.objective_percent) for each in changes(setting)} == {(60.0, 99.5)}
    assert [each.budget_seconds for each in other_promises(setting)] == [75.0, 90.0, 120.0, 180.0, 300.0]


def test_a_comparison_says_too_where_the_promise_is_out_of_reach() -> None:
    comparison = Comparison(
        (Trace("hourly", (pool([HOUR * number for number in range(20)], service=1.0),)),),
        (parse_policy("keda"), parse_policy("poolkeeper")),
        Setting(budget_seconds=20.0, objective_percent=90.0),
        Constant(90.0),
        {},
    )
    lines = list(of_rows(["keda", "poolkeeper"], compare(comparison).pools))
    assert lines[0] == (
        "BudgetAttainable is False in 1 pool at the end of the trace, so that the promise can't be kept:"
    )
    assert lines[1].startswith("  pool: 90 % of starts take up to ")


def test_of_many_pools_the_first_are_named() -> None:
    lines = list(unattainable([f"pool-{number}: why" for number in range(7)]))
    assert lines[1:] == [*(f"  pool-{number}: why" for number in range(5)), "  and in 2 more"]
