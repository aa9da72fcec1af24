"""A comparison is spread over the cores by pools and policies, and tells how far it is."""

from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any

import pytest

from poolkeeper.backtest import comparison
from poolkeeper.backtest.comparison import Comparison, compare
from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.simulation.accounting import Row
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Lognormal
from poolkeeper.backtest.traces.trace import Trace
from tests.unit.backtest.traces import pool

POLICIES = ("poolkeeper", "keda", "optimum")


def of_pools(pools: int) -> Comparison:
    requests = pool([700.0 * number for number in range(30)], 5)
    policies = tuple(parse_policy(name) for name in POLICIES)
    trace = Trace("trace", (requests,) * pools)
    return Comparison((trace,), policies, Setting(budget_seconds=120), Lognormal(60.0, 0.3), {})


def measured(rows: tuple[Row, ...]) -> list[tuple[float, ...]]:
    return [(row.accelerator_hours, row.optimum_hours, row.breaks, row.scale_actions or 0) for row in rows]


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Other processes are worth it for any trace; the list gets what was handed to them."""
    handed: list[str] = []

    class Recording(ProcessPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            number = args[-1]
            handed.append("yardstick" if number is None else POLICIES[number])
            return super().submit(fn, *args, **kwargs)

    monkeypatch.setattr(comparison, "WORTH_A_PROCESS", 0)
    monkeypatch.setattr(comparison, "ProcessPoolExecutor", Recording)
    return handed


def test_the_policies_of_one_pool_are_spread_over_processes_too(submitted: list[str]) -> None:
    told: list[tuple[int, int]] = []
    spread = compare(of_pools(1), processes=2, progress=lambda done, total: told.append((done, total)))
    assert submitted == ["poolkeeper", "yardstick", "keda"], "the longest goes first"
    alone = compare(of_pools(1), processes=1)
    assert measured(spread.rows) == measured(alone.rows)
    assert len(told) == 3
    assert told[-1] == (3, 3)


def test_progress_counts_every_pool_under_every_policy() -> None:
    told: list[tuple[int, int]] = []
    compare(of_pools(4), processes=1, progress=lambda done, total: told.append((done, total)))
    assert [total for _, total in told] == [12] * 12
    assert [done for done, _ in told] == list(range(1, 13))
