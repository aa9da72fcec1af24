"""The worked pool of docs/policy.md is decided as its table says."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from poolkeeper.backtest.controllers.poolkeeper import Poolkeeper
from poolkeeper.backtest.simulation.replay import Replay
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.core.baselines.controller import Pool
from poolkeeper.core.values.decision import Reason
from tests.unit.backtest.traces import pool

PAGE = Path(__file__).resolve().parents[3] / "docs" / "policy.md"
ARRIVALS = [0.0] * 16 + [60.0] * 3
SETTING = Setting(
    budget_seconds=30, objective_percent=99, max_replicas=4, drains=False, start_prior_seconds=8,
    termination_seconds=0,
)  # fmt: skip


class Looked(NamedTuple):
    """One row of the table: what was seen, and what was decided."""

    second: str
    queued: int
    in_flight: int
    ready: int
    decision: str


class Noted(Poolkeeper):
    """Poolkeeper, and everything that it decided."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.looks: list[Looked] = []

    def step(self, now: float, pool: Pool) -> int:
        wanted = super().step(now, pool)
        reason = self.last_decision.reason if self.last_decision else ""
        decision = f"{wanted}, `{reason}`"
        self.looks.append(Looked(f"{now:.1f}", pool.queued, pool.in_flight, pool.ready, decision))
        return wanted


def rows() -> list[Looked]:
    """The first table of the page."""
    lines = PAGE.read_text().partition("|---:|---:|---:|---:|---|---|\n")[2].partition("\n\n")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Looked(second, int(a), int(b), int(c), decision) for second, a, b, c, decision, _ in cells]


def test_every_row_of_the_page_is_decided() -> None:
    poolkeeper = Noted(SETTING)
    outcome = Replay(pool(ARRIVALS, 2.0), SETTING, Constant(6.0), poolkeeper).run()
    assert len(rows()) == 9
    assert [row for row in rows() if row not in poolkeeper.looks] == []
    assert [f"{60 + wait:.1f}" for wait in outcome.waits[16:]] == ["80.0", "82.0", "84.0"]


def test_the_page_lists_every_reason() -> None:
    page = PAGE.read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []


def test_the_surplus_goes_first_where_replicas_drain() -> None:
    draining = replace(SETTING, drains=True)
    poolkeeper = Noted(draining)
    Replay(pool(ARRIVALS, 2.0), draining, Constant(6.0), poolkeeper).run()
    assert Looked("12.5", 0, 4, 4, "1, `StopSurplus`") in poolkeeper.looks
