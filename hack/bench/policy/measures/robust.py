"""The bars on troubles: each costs little if the budget has room for it, and is reported if it has none.

Each trouble is compared with the same pools without it, from the instant on at which both runs have seen five
starts (five of the new kind where start times change). A budget has room if it is at least the objective's
quantile of the start time plus the lag. Where it has none, `BudgetAttainable` must be False. Replicas may
never be lowered because a source can't be read.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hack.bench.policy.measures.finding import MINUTE_AND_A_HALF, Finding
from hack.bench.policy.measures.runs import Case, Run, Runs, share
from poolkeeper.backtest.simulation.setting import Disturbance, Setting
from poolkeeper.backtest.simulation.start_times import Constant, Lognormal, StartTimes

SEEN_STARTS = 5
SLOWER_FROM = 20
LEAST_REQUESTS = 300
MOST_POINTS = 2.0
MOST_COST = 1.5
PROVEN_STARTS = 30
"""Starts after which a pool must know whether its budget is attainable."""
NOTHING = Disturbance()
HEAVY = Lognormal(60.0, 0.8)


@dataclass(frozen=True, slots=True)
class Shifted:
    """Start times that become `factor` times as long from start `after_starts` on."""

    before: StartTimes
    factor: float
    after_starts: int

    @property
    def mean_seconds(self) -> float:
        return self.before.mean_seconds

    def draw(self, random_numbers: random.Random, number: int) -> float:
        seconds = self.before.draw(random_numbers, number)
        return seconds * self.factor if number >= self.after_starts else seconds

    def quantile(self, share: float) -> float:
        return self.before.quantile(share)


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, the start times with and without it, and the starts before the comparison begins."""

    name: str
    disturbance: Disturbance = NOTHING
    start_times: StartTimes = MINUTE_AND_A_HALF
    undisturbed: StartTimes = MINUTE_AND_A_HALF
    budget: float = 300.0
    seen_starts: int = SEEN_STARTS

    @property
    def cases(self) -> tuple[Case, Case]:
        """With the trouble, and without."""
        return (
            Case(Setting(budget_seconds=self.budget, disturbance=self.disturbance), self.start_times),
            Case(Setting(budget_seconds=self.budget), self.undisturbed),
        )

    @property
    def has_room(self) -> bool:
        """Whether the budget covers the objective's quantile of the start time and the lag."""
        slowest = self.start_times.quantile(Setting(self.budget).objective_percent / 100)
        if isinstance(self.start_times, Shifted):
            slowest *= self.start_times.factor
        return self.budget >= slowest + self.disturbance.lag_seconds


TROUBLES = (
    Trouble(
        f"starts take twice as long from the {SLOWER_FROM}th on",
        start_times=Shifted(MINUTE_AND_A_HALF, 2.0, SLOWER_FROM),
        seen_starts=SLOWER_FROM + SEEN_STARTS,
    ),
    *(
        Trouble(
            f"heavy tails (log-normal 60 s, σ 0.8), budget {budget:g} s",
            start_times=HEAVY,
            undisturbed=Constant(HEAVY.mean_seconds),
            budget=budget,
        )
        for budget in (600.0, 300.0)
    ),
    *(Trouble(f"samples {lag:g} s late", Disturbance(lag_seconds=lag)) for lag in (10.0, 20.0, 30.0)),
    Trouble("5 % of polls lost", Disturbance(lost_percent=5.0)),
    Trouble("the clock 30 s back, every hour", Disturbance(clock_back_seconds=30.0)),
)


def robust(runs: Runs, troubles: Sequence[Trouble] = TROUBLES) -> Iterator[Finding]:
    """Each trouble compared with its undisturbed run, and no replica stopped while demand is unknown."""
    runs.ask(case for trouble in troubles for case in trouble.cases)
    for trouble in troubles:
        disturbed, calm = (runs.of(case) for case in trouble.cases)
        yield _cost_and_late(trouble, runs, disturbed, calm)
        if not trouble.has_room:
            yield _is_reported(trouble, disturbed)
        blind = sum(run.seen.blind for run in disturbed)
        lowered = sum(run.seen.lowered_blind for run in disturbed)
        if blind:
            measured = f"{lowered} of {blind} decisions about a pool that was up lowered it blindly"
            yield Finding(f"{trouble.name}: never zero on unknown", measured, not lowered)


def _cost_and_late(trouble: Trouble, runs: Runs, disturbed: list[Run], calm: list[Run]) -> Finding:
    late: tuple[list[tuple[int, int]], list[tuple[int, int]]] = [], []
    paid = [0.0, 0.0]
    for pair in zip(disturbed, calm, strict=True):
        since = [run.seen_starts_at(trouble.seen_starts) for run in pair]
        if since[0] is None or since[1] is None:
            continue
        settled_at = max(since[0], since[1])
        for number, run in enumerate(pair):
            late[number].append(run.late_since(settled_at))
            paid[number] += run.paid_since(settled_at)
    (with_it, requests), (without, _) = map(share, late)
    if requests < LEAST_REQUESTS:
        measured = f"too few requests after {trouble.seen_starts} starts: {requests}"
        return Finding(trouble.name, measured, None)
    factor = paid[0] / paid[1]
    measured = (
        f"{with_it - without:+.2f} points late ({with_it:.2f} for {without:.2f} % of {requests} requests), "
        f"{factor:.2f} × the cost{_inherent(trouble, runs)}"
    )
    if not trouble.has_room:
        return Finding(trouble.name, f"{measured}; the budget has no room for it", None)
    return Finding(trouble.name, measured, with_it - without <= MOST_POINTS and factor <= MOST_COST)


def _inherent(trouble: Trouble, runs: Runs) -> str:
    """By how much slower starts raise the cost of the optimum, which no policy can avoid."""
    if not isinstance(trouble.start_times, Shifted):
        return ""
    slower = Constant(trouble.start_times.factor * trouble.undisturbed.mean_seconds)
    calm = trouble.cases[1]
    factor = runs.optimum_hours(Case(calm.setting, slower)) / runs.optimum_hours(calm)
    return f" (the optimum's grows {factor:.2f} ×)"


def _is_reported(trouble: Trouble, disturbed: list[Run]) -> Finding:
    proven = [run for run in disturbed if len(run.ready_at) >= PROVEN_STARTS]
    reported = sum(run.seen.attainable is False for run in proven)
    measured = f"{reported} of {len(proven)} pools with {PROVEN_STARTS} starts say that it can't be kept"
    return Finding(f"{trouble.name}: BudgetAttainable", measured, reported == len(proven) if proven else None)
