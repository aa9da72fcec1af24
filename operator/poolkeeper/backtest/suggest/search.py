"""Replays a trace with each declaration, and finds the cheapest that keeps the promise."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass

from poolkeeper.backtest.comparison import Comparison, Progress
from poolkeeper.backtest.controllers.registry import POOLKEEPER, Policy
from poolkeeper.backtest.replays import replayed
from poolkeeper.backtest.simulation.replay import Outcome
from poolkeeper.backtest.simulation.waits import late_in
from poolkeeper.backtest.suggest.changes import AS_DECLARED, Change, changes, other_promises
from poolkeeper.backtest.traces.trace import Trace

Place = tuple[int, int]
"""A change and a pool, by number."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One declaration, replayed on all pools of a trace."""

    change: Change
    hours: float
    """Accelerator-hours."""
    late: int
    """Requests that waited longer than the budget."""
    requests: int
    said: tuple[str, ...]
    """What the condition BudgetAttainable says at the end, once for each pool where it is False."""

    @property
    def late_percent(self) -> float:
        """Share of the requests that were late."""
        return 100 * self.late / self.requests

    @property
    def keeps(self) -> bool:
        """Whether it keeps the promise that it is held to."""
        return self.late_percent <= 100 - self.change.objective_percent + 1e-9


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What was tried on one trace."""

    trace: str
    declared: Tried
    same_promise: tuple[Tried, ...]
    """Other declarations that are held to the same promise."""
    other_promises: tuple[Tried, ...]
    """Longer budgets."""

    @property
    def all_tried(self) -> tuple[Tried, ...]:
        """As declared first."""
        return (self.declared, *self.same_promise, *self.other_promises)

    @property
    def cheapest(self) -> Tried | None:
        """The cheapest declaration that keeps the promise; None if none does."""
        return _cheapest((self.declared, *self.same_promise))

    @property
    def shortest_budget(self) -> Tried | None:
        """The shortest of the longer budgets that is kept as it is declared; None if none is."""
        return next((tried for tried in self.other_promises if tried.keeps), None)


def _cheapest(tried: Sequence[Tried]) -> Tried | None:
    return min((each for each in tried if each.keeps), key=lambda each: each.hours, default=None)


def suggest(
    comparison: Comparison, executor: Executor | None = None, progress: Progress | None = None
) -> tuple[Suggestion, ...]:
    """One suggestion for each trace; the replays are done by the executor, which is then shut down, or
    here."""
    tried = [*changes(comparison.setting), *other_promises(comparison.setting)]
    outcomes: list[dict[Place, Outcome]] = [{} for _ in comparison.traces]
    total, done = len(tried) * sum(len(trace.pools) for trace in comparison.traces), 0
    try:
        for number, place, outcome in _replays(comparison, tried, executor):
            outcomes[number][place] = outcome
            done += 1
            if progress:
                progress(done, total)
    finally:
        if executor:
            executor.shutdown(cancel_futures=True)
    return tuple(
        _suggestion(trace, tried, found) for trace, found in zip(comparison.traces, outcomes, strict=True)
    )


def _replays(
    comparison: Comparison, tried: Sequence[Change], executor: Executor | None
) -> Iterator[tuple[int, Place, Outcome]]:
    policy = Policy(POOLKEEPER)
    jobs = {
        (number, (at, pool)): (requests, trace.ends_at, change.setting, comparison.start_times, policy)
        for number, trace in enumerate(comparison.traces)
        for at, change in enumerate(tried)
        for pool, requests in enumerate(trace.pools)
    }
    if executor is None:
        for (number, place), job in jobs.items():
            yield number, place, replayed(*job)
        return
    longest_first = sorted(jobs.items(), key=lambda each: -len(each[1][0]))
    running = {executor.submit(replayed, *job): place for place, job in longest_first}
    for future in as_completed(running):
        number, place = running[future]
        yield number, place, future.result()


def _suggestion(trace: Trace, tried: Sequence[Change], outcomes: dict[Place, Outcome]) -> Suggestion:
    found = [_summed(trace, change, at, outcomes) for at, change in enumerate(tried)]
    promised = found[0].change
    same = (promised.budget_seconds, promised.objective_percent)
    others = [each for each in found if each.change.field != AS_DECLARED]
    keep = tuple(
        each for each in others if (each.change.budget_seconds, each.change.objective_percent) == same
    )
    return Suggestion(trace.name, found[0], keep, tuple(each for each in others if each not in keep))


def _summed(trace: Trace, change: Change, at: int, outcomes: dict[Place, Outcome]) -> Tried:
    pools = [outcomes[at, pool] for pool in range(len(trace.pools))]
    late = sum(late_in(outcome.waits, change.budget_seconds) for outcome in pools)
    named = zip(trace.pools, pools, strict=True)
    said = tuple(f"{pool.name}: {outcome.unattainable}" for pool, outcome in named if outcome.unattainable)
    hours = sum(outcome.accelerator_seconds for outcome in pools) / 3600
    return Tried(change, hours, late, trace.requests, said)
