"""Start-time models: their text form, their quantiles, and regime changes."""

import random
from pathlib import Path

import pytest

from hack.bench.policy.measures.robust import Shifted
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import (
    Constant,
    Lognormal,
    Samples,
    StartTimes,
    TwoMode,
    parse_start_times,
)
from tests.unit.backtest.traces import pool, replayed


def test_models_by_their_text(tmp_path: Path) -> None:
    listed = tmp_path / "starts.txt"
    listed.write_text("30\n\n45.5\n")
    assert parse_start_times("constant:90") == Constant(90)
    assert parse_start_times("lognormal:90,0.4") == Lognormal(90, 0.4)
    assert parse_start_times("two-mode:40,150,0.3") == TwoMode(Lognormal(40, 0.1), Lognormal(150, 0.1), 0.3)
    assert parse_start_times(f"samples:{listed}") == Samples((30.0, 45.5))


@pytest.mark.parametrize(
    "model",
    [
        Constant(90.0),
        Lognormal(90.0, 0.4),
        TwoMode(Lognormal(40.0, 0.1), Lognormal(150.0, 0.2), 0.3),
        Samples((30.0, 60.0, 90.0, 240.0)),
    ],
)
def test_quantiles_and_mean_are_those_of_the_draws(model: StartTimes) -> None:
    randomness = random.Random(5)
    draws = sorted(model.draw(randomness, number) for number in range(40_000))
    assert sum(draws) / len(draws) == pytest.approx(model.mean_seconds, rel=0.02)
    for share in (0.1, 0.6, 0.95):
        assert draws[int(share * len(draws))] == pytest.approx(model.quantile(share), rel=0.03)


def test_a_regime_change_is_followed_within_a_few_starts() -> None:
    model = Shifted(Constant(60.0), factor=2.0, after_starts=20)
    waits = replayed(
        "poolkeeper", pool([1000.0 * number for number in range(60)], 5), Setting(200.0), model
    ).waits
    assert all(wait <= 200 for wait in waits[:20])
    assert all(wait <= 200 for wait in waits[25:])
