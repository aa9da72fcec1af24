"""A comparison is spread over the cores by pools and policies, and reports its progress."""

from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from poolkeeper.backtest.comparison import Comparison, compare
from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.figures import Row
from poolkeeper.backtest.replays import yardstick
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
    return [(row.accelerator_hours, row.optimum_hours, row.late, row.scale_actions or 0) for row in rows]


class Recording(ProcessPoolExecutor):
    """Notes what is handed to other processes."""

    def __init__(self) -> None:
        super().__init__(2, get_context("spawn"))
        self.submitted: list[str] = []

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        self.submitted.append("yardstick" if work is yardstick else arguments[-1].name)
        return super().submit(work, *arguments, **named)


def test_the_policies_of_one_pool_are_spread_over_processes_too() -> None:
    seen: list[tuple[int, int]] = []
    workers = Recording()
    spread = compare(of_pools(1), workers, progress=lambda done, total: seen.append((done, total)))
    assert workers.submitted == ["poolkeeper", "yardstick", "keda"], "the longest goes first"
    alone = compare(of_pools(1))
    assert measured(spread.rows) == measured(alone.rows)
    assert len(seen) == 3
    assert seen[-1] == (3, 3)


def test_progress_counts_every_pool_under_every_policy() -> None:
    seen: list[tuple[int, int]] = []
    compare(of_pools(4), progress=lambda done, total: seen.append((done, total)))
    assert [total for _, total in seen] == [12] * 12
    assert [done for done, _ in seen] == list(range(1, 13))
