"""The bar on the promise: as few late as declared, or as starts at once leave late plus a tenth of a point.

Requests count after a pool's 30th that found it cold (came while no replica was ready), from the later of
the two instants at which that happened with starts at the deadline and with starts at once, so that both are
measured on the same requests. Late are those that an always-on pool would have taken in time. Starts at once
are only replayed where more are late than declared. The bar is kept or missed as measured; the 95 % interval
beside it (Student's t, over seeds, or over pools where the trace is not generated) shows how sure that is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hack.bench.policy.measures.families import FAMILIES, seed_of
from hack.bench.policy.measures.finding import STARTS, Finding, Promise
from hack.bench.policy.measures.intervals import Count, Share, late_share
from hack.bench.policy.measures.runs import Case, Run, Runs
from poolkeeper.api.pool import StartMode
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.traces.trace import PoolTrace

OBJECTIVES = (90.0, 95.0, 98.0, 99.0, 99.5, 99.9)
COLD_REQUESTS = 30
TOLERANCE = 0.1
LEAST_REQUESTS = 1000
"""One late request among these is a tenth of a point."""

ROUNDING = 1e-9

Group = Callable[[PoolTrace], str]
"""Names the pools that are not independent of each other."""
Pair = tuple[Run, Run]
"""A pool with starts at the deadline, and with starts at once."""


@dataclass(frozen=True)
class Kept:
    """One objective on one trace: with starts at the deadline, with starts at once, and the difference."""

    objective_percent: float
    late: Share
    at_once: Share
    more: Share
    requests: int
    hours: float
    hours_at_once: float

    @property
    def allowed_percent(self) -> float:
        """The most that may be late."""
        return max(100 - self.objective_percent, self.at_once.percent + TOLERANCE)

    @property
    def finding(self) -> Finding:
        """Whether the bar is kept."""
        measured = (
            f"{self.late} % late where {self.allowed_percent:.2f} may be; at once {self.at_once.percent:.2f} "
            f"({self.more} more), {self.hours:.2f} h beside {self.hours_at_once:.2f}, "
            f"{self.requests} requests"
        )
        if self.requests < LEAST_REQUESTS:
            return Finding(f"{self.objective_percent:g} %", f"too few requests: {measured}", None)
        is_kept = self.late.percent <= self.allowed_percent + ROUNDING
        return Finding(f"{self.objective_percent:g} %", measured, is_kept)


def promise(runs: Runs) -> Iterator[Finding]:
    """Every objective with every start time that fits the budget."""
    family = FAMILIES.get(runs.trace.name)
    setting, group = (family.setting(), seed_of) if family else (Setting(budget_seconds=0), pool_name)
    runs.ask(case for each in STARTS.values() for case, _ in cases(each, setting, OBJECTIVES))
    for name, each in STARTS.items():
        asked = list(zip(OBJECTIVES, cases(each, setting, OBJECTIVES), strict=True))
        alone = [on_its_own(percent, runs.of(case), group) for percent, (case, _) in asked]
        runs.ask(
            at_once for (_, (_, at_once)), found in zip(asked, alone, strict=True) if found.is_kept is False
        )
        for (percent, pair), found in zip(asked, alone, strict=True):
            if found.is_kept is False:
                found = beside(percent, runs, pair, group).finding
            yield replace(found, subject=f"{name}: {found.subject}")


def on_its_own(percent: float, found: Sequence[Run], group: Group) -> Finding:
    """Whether no more are late than declared."""
    kept = compared(percent, [(run, run) for run in found], group)
    measured = f"{kept.late} % late, {kept.hours:.2f} h, {kept.requests} requests"
    if kept.requests < LEAST_REQUESTS:
        return Finding(f"{percent:g} %", f"too few requests: {measured}", None)
    return Finding(f"{percent:g} %", measured, kept.late.percent <= 100 - percent + ROUNDING)


def pool_name(pool: PoolTrace) -> str:
    """The group of a pool that is independent of all others."""
    return pool.name


def cases(promised: Promise, setting: Setting, objectives: Sequence[float]) -> list[tuple[Case, Case]]:
    """For each objective the case with starts at the deadline, and the one with starts at once."""
    start_times, budget = promised
    settings = [replace(setting, budget_seconds=budget, objective_percent=percent) for percent in objectives]
    return [
        (Case(each, start_times), Case(replace(each, start=StartMode.IMMEDIATELY), start_times))
        for each in settings
    ]


def held(
    runs: Runs,
    promised: Promise,
    setting: Setting,
    objectives: Sequence[float],
    group: Group,
) -> Iterator[Kept]:
    """What each objective shows, one after the other; pools are independent of those of other groups."""
    for percent, pair in zip(objectives, cases(promised, setting, objectives), strict=True):
        yield beside(percent, runs, pair, group)


def beside(percent: float, runs: Runs, pair: tuple[Case, Case], group: Group) -> Kept:
    """One objective with starts at the deadline, and with starts at once."""
    at_deadline, at_once = map(runs.of, pair)
    return compared(percent, list(zip(at_deadline, at_once, strict=True)), group)


def compared(percent: float, pairs: Sequence[Pair], group: Group) -> Kept:
    """Both ways to start, on the requests of each pool after the instant from which it counts."""
    groups: dict[str, tuple[int, int, int]] = {}
    for pair in pairs:
        since = [run.cold_request_at(COLD_REQUESTS) for run in pair]
        if since[0] is None or since[1] is None:
            continue
        (late, requests), (at_once, _) = (run.late_since(max(since[0], since[1])) for run in pair)
        before = groups.get(name := group(pair[0].requests), (0, 0, 0))
        groups[name] = before[0] + late, before[1] + at_once, before[2] + requests
    late_of, at_once_of, more_of = (
        [_count(number, found) for found in groups.values()] for number in range(3)
    )
    return Kept(
        percent,
        late_share(late_of),
        late_share(at_once_of),
        late_share(more_of),
        sum(requests for _, _, requests in groups.values()),
        sum(run.hours for run, _ in pairs),
        sum(run.hours for _, run in pairs),
    )


def _count(number: int, found: tuple[int, int, int]) -> Count:
    late, at_once, requests = found
    return (late, at_once, late - at_once)[number], requests
