"""The table of where the policy stands: as many late requests for all, and bounds where they are known."""

from pathlib import Path

import pytest

from hack.bench.policy.measures.runs import Case, Runs, Total
from hack.bench.policy.standing import BEGIN, END, HEADER, Hours, Standing, cheapest, draw, insert, standing
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.backtest.traces.trace import Trace
from tests.unit.backtest.traces import pool

HOURS = Hours(optimum=5.0, informed=5.5, hindsight=6.0, poolkeeper=6.1, tuned=7.0, keda=12.0)
ROW = Standing("trace", "90 s", 0.5, HOURS, "`knative:stable-window=30`")


def total(hours: float, late: int) -> Total:
    return Total(requests=1000, hours=hours, late=late, avoidable=late)


@pytest.mark.parametrize(("late", "best"), [(10, "dear"), (20, "cheap"), (15, "dear"), (5, "fewest")])
def test_the_best_setting_is_the_cheapest_with_no_more_late_or_else_the_one_with_fewest(
    late: int, best: str
) -> None:
    settings = [("dear", total(9.0, 10)), ("cheap", total(5.0, 20)), ("fewest", total(30.0, 8))]
    assert cheapest(settings, total(1.0, late))[0] == best


def test_a_line_has_a_cell_for_each_column() -> None:
    assert ROW.line == (
        "| trace | 90 s | 0.50 % | 5.0 | 5.5 | 6.0 | **6.1** | 7.0 | 12.0 | `knative:stable-window=30` |"
    )
    assert ROW.line.count("|") == HEADER.partition("\n")[0].count("|")


def test_pools_with_several_slots_have_no_bounds_but_the_optimum() -> None:
    requests = pool([3000.0 * number for number in range(20)], 5)
    setting = Setting(budget_seconds=120, concurrency=2)
    with Runs(Trace("trace", (requests,)), 1) as runs:
        found = standing(runs, "90 s", Case(setting, Constant(90.0)))
    assert (found.hours.informed, found.hours.hindsight) == (None, None)
    assert found.hours.optimum <= found.hours.poolkeeper < found.hours.keda
    assert "|  |  | **" in found.line


def test_the_table_is_replaced_between_its_marks() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter"
    assert insert(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter"


def test_the_drawing_is_the_same_every_time(tmp_path: Path) -> None:
    draw([ROW], tmp_path / "one.svg")
    draw([ROW], tmp_path / "two.svg")
    assert (tmp_path / "one.svg").read_text() == (tmp_path / "two.svg").read_text()
    assert "trace, 90 s" in (tmp_path / "one.svg").read_text()
