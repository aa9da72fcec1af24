"""What the condition BudgetAttainable says of the pools of a trace, where it is False."""

from collections.abc import Iterator, Sequence

from poolkeeper.backtest.controllers.registry import POOLKEEPER
from poolkeeper.backtest.figures import PoolFigures
from poolkeeper.backtest.simulation.replay import Outcome

SHOWN_POOLS = 5


def said_of(pools: Sequence[PoolFigures]) -> list[str]:
    """The pool and the message, for each pool of one row of which the condition is False."""
    outcomes = ((each.pool, each.outcome) for each in pools)
    return [
        f"{name}: {outcome.unattainable}"
        for name, outcome in outcomes
        if isinstance(outcome, Outcome) and outcome.unattainable
    ]


def of_rows(policies: Sequence[str], pools: Sequence[Sequence[PoolFigures]]) -> Iterator[str]:
    """Lines about the first row that is Poolkeeper's."""
    if POOLKEEPER in policies:
        yield from unattainable(said_of(pools[policies.index(POOLKEEPER)]))


def unattainable(said: Sequence[str]) -> Iterator[str]:
    """How many pools there are, and the first of them."""
    if not said:
        return
    pools = "1 pool" if len(said) == 1 else f"{len(said)} pools"
    yield f"BudgetAttainable is False in {pools} at the end of the trace, so that the promise can't be kept:"
    yield from (f"  {line}" for line in said[:SHOWN_POOLS])
    if len(said) > SHOWN_POOLS:
        yield f"  and in {len(said) - SHOWN_POOLS} more"
