"""The bar on overshoot: at most 1.2 times the replicas that the backlog needed.

The replicas that were needed are computed from the trace alone, with the service times that the policy does
not know. A policy that starts at the first request has its replicas `start` seconds later, so that `budget -
start` seconds are left for each request. Needed are therefore the fewest replicas that, if always up, would
take every request within `budget - start`, or as many of them as all allowed replicas would. Example: with
starts of 90 s and a budget of 120 s, a crowd of 30 requests of 4 s each on replicas of 4 slots must be taken
within 30 s, which one replica does.

A stretch is the time from the first replica to none. The requests that came since the last stretch ended are
its backlog.
"""

from bisect import bisect_right
from collections.abc import Iterator
from statistics import mean

from hack.bench.policy.measures.finding import Finding
from hack.bench.policy.measures.runs import Case, Run, Runs
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import Constant
from poolkeeper.backtest.simulation.waits import late_in, waits_when_always_on
from poolkeeper.backtest.traces.trace import PoolTrace

FACTOR = 1.2
CONCURRENCY = 4
CEILING = 64
"""Far more than a trace needs, so that the ceiling does not hide the overshoot."""
PROMISES = ((30.0, 60.0), (90.0, 120.0), (240.0, 300.0))
"""Start times and budgets."""

Stretch = tuple[float, int]
"""When its last replica stopped, and the most replicas at once."""


def overshoot(runs: Runs) -> Iterator[Finding]:
    """The most replicas at once compared with what was needed: over the trace, and for each stretch.

    Once with a service time that has to be learned, and once with its mean declared.
    """
    services = [seconds for pool in runs.trace.pools for seconds in pool.services]
    cases = {
        (start, budget, declared): Case(
            Setting(
                budget_seconds=budget,
                concurrency=CONCURRENCY,
                max_replicas=CEILING,
                expected_service_seconds=mean(services) if declared else None,
            ),
            Constant(start),
        )
        for start, budget in PROMISES
        for declared in (False, True)
    }
    runs.ask(cases.values())
    for (start, budget, is_declared), case in cases.items():
        subject = f"start {start:g} s, budget {budget:g} s" + (", service declared" if is_declared else "")
        yield _in_all(subject, runs.of(case), budget - start)
        yield _by_stretch(f"{subject}, by stretch", runs.of(case), budget - start)


def _in_all(subject: str, found: list[Run], within_seconds: float) -> Finding:
    most = [(run.seen.outcome.max_replicas, needed_replicas(run.requests, within_seconds)) for run in found]
    had, needed = max(most, key=lambda each: each[0] / each[1])
    measured = f"{had} replicas at most for {needed} needed, {had / needed:.2f} ×"
    return Finding(subject, measured, had <= FACTOR * needed)


def _by_stretch(subject: str, found: list[Run], within_seconds: float) -> Finding:
    most = [pair for run in found for pair in had_and_needed(run, within_seconds)]
    above = sum(had > FACTOR * needed for had, needed in most)
    had, needed = max(most, key=lambda each: each[0] / each[1])
    measured = f"too many in {above} of {len(most)} stretches, at worst {had} replicas for {needed} needed"
    return Finding(subject, measured, not above)


def needed_replicas(requests: PoolTrace, within_seconds: float) -> int:
    """The fewest replicas that, always up, make no more requests late than all allowed replicas would."""

    def late(replicas: int) -> int:
        return late_in(waits_when_always_on(requests, replicas * CONCURRENCY), within_seconds)

    fewest, low, high = late(CEILING), 1, CEILING
    while low < high:
        middle = (low + high) // 2
        if late(middle) <= fewest:
            high = middle
        else:
            low = middle + 1
    return low


def had_and_needed(run: Run, within_seconds: float) -> Iterator[tuple[int, int]]:
    """For each stretch with requests, the most replicas at once and how many were needed."""
    arrivals, services = run.requests.arrivals, run.requests.services
    first = 0
    for ended_at, most in stretches(run):
        last = bisect_right(arrivals, ended_at)
        if last > first:
            part = PoolTrace(run.requests.name, arrivals[first:last], services[first:last])
            yield most, needed_replicas(part, within_seconds)
        first = last


def stretches(run: Run) -> Iterator[Stretch]:
    """The times from the first replica to none."""
    most = 0
    for at, desired, _ in run.seen.outcome.replicas_over_time:
        if most and not desired:
            yield at, most
        most = max(most, desired) if desired else 0
    if most:
        yield run.seen.outcome.ended_at, most
