"""The pools on their own: those that decide what the first policy costs."""

from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.backtest.comparison import Comparison, Results
from poolkeeper.backtest.figures import PoolFigures, Row, summed
from poolkeeper.backtest.optimum.choice import Bound


class PoolRow(NamedTuple):
    """One policy on one pool: its line in the table, and the rule that a frontier chose for it."""

    row: Row
    rule: str | None


PoolRows = tuple[PoolRow, ...]
"""One pool under every policy."""


def deciding_pools(comparison: Comparison, results: Results, most: int) -> list[list[PoolRows]]:
    """For each trace at most so many pools: those on which the first policy pays most above the optimum,
    the dearest one first."""
    width = len(comparison.policies)
    of_traces = [results.pools[at : at + width] for at in range(0, len(results.pools), width)]
    return [
        [
            _rows_of(comparison, [pools[place] for pools in by_policy])
            for place in _dearest(by_policy[0])[:most]
        ]
        for by_policy in of_traces
    ]


def _dearest(pools: Sequence[PoolFigures]) -> list[int]:
    return sorted(range(len(pools)), key=lambda place: -pools[place].above_optimum)


def _rows_of(comparison: Comparison, by_policy: Sequence[PoolFigures]) -> PoolRows:
    """The same pool under every policy."""
    rows = []
    for policy, figures in zip(comparison.policies, by_policy, strict=True):
        row = summed(figures.pool, policy.label, {}, [figures], comparison.dollars_per_hour)
        rule = figures.outcome.rule if isinstance(figures.outcome, Bound) else ""
        rows.append(PoolRow(row, rule or None))
    return tuple(rows)
