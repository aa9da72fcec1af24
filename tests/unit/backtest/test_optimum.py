"""The optimum is what brute force finds, and no bound lies above it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.backtest.optimum.bound import cover_bound, fluid_bound
from poolkeeper.backtest.optimum.choice import Kind, optimum
from poolkeeper.backtest.optimum.layers import layered_cost
from poolkeeper.backtest.optimum.one_replica import best_schedule, waits_of
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.waits import waits_when_always_on
from tests.unit.backtest.traces import pool

START_STOP = 10.0

requests = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 8)), min_size=1, max_size=7)


def timeline(gaps_and_services: list[tuple[int, int]]) -> tuple[list[float], list[float]]:
    """Arrivals with these gaps between them, and their service times."""
    arrivals, at = [], 0.0
    for gap, _ in gaps_and_services:
        at += gap
        arrivals.append(at)
    return arrivals, [float(service) for _, service in gaps_and_services]


def brute_force(arrivals: Sequence[float], services: Sequence[float], longest: Sequence[float]) -> float:
    """Tries every partition into runs, and for each run every integer instant of readiness."""
    return min(
        sum(START_STOP + shortest_run(arrivals, services, longest, first, last) for first, last in runs)
        for runs in partitions(len(arrivals))
    )


def partitions(size: int) -> Iterator[list[tuple[int, int]]]:
    """Every way to cut 0..size-1 into consecutive runs."""
    for cuts in product((False, True), repeat=size - 1):
        bounds = [0, *(place + 1 for place, cut in enumerate(cuts) if cut), size]
        yield [(first, following - 1) for first, following in pairwise(bounds)]


def shortest_run(
    arrivals: Sequence[float], services: Sequence[float], longest: Sequence[float], first: int, last: int
) -> float:
    """The least time from readiness to the end of the work over all instants that keep every limit."""
    lengths = []
    for ready_at in range(-60, int(arrivals[first] + longest[first]) + 1):
        free_at, keeps = float(ready_at), True
        for index in range(first, last + 1):
            free_at = max(free_at, arrivals[index])
            keeps = keeps and free_at - arrivals[index] <= longest[index]
            free_at += services[index]
        if keeps:
            lengths.append(free_at - ready_at)
    return min(lengths)


@settings(max_examples=150, deadline=None)
@given(requests, st.integers(0, 25))
def test_one_replica_is_exactly_what_brute_force_finds(drawn: list[tuple[int, int]], budget: int) -> None:
    arrivals, services = timeline(drawn)
    always_on = waits_when_always_on(pool(arrivals, services), 1)
    longest = [max(float(budget), wait) for wait in always_on]
    schedule = best_schedule(arrivals, services, longest, START_STOP)
    assert schedule.accelerator_seconds == pytest.approx(brute_force(arrivals, services, longest))


@settings(max_examples=150, deadline=None)
@given(requests, st.integers(0, 25))
def test_its_schedule_keeps_every_limit_and_costs_what_it_says(
    drawn: list[tuple[int, int]], budget: int
) -> None:
    arrivals, services = timeline(drawn)
    longest = [max(float(budget), wait) for wait in waits_when_always_on(pool(arrivals, services), 1)]
    schedule = best_schedule(arrivals, services, longest, START_STOP)
    waits = waits_of(schedule, arrivals, services)
    assert all(wait <= limit + 1e-9 for wait, limit in zip(waits, longest, strict=True))
    paid = sum(START_STOP + run.ends_at - run.ready_at for run in schedule.runs)
    assert paid == pytest.approx(schedule.accelerator_seconds)


@settings(max_examples=60, deadline=None)
@given(requests, st.integers(1, 25))
def test_bounds_never_lie_above_the_optimum(drawn: list[tuple[int, int]], budget: int) -> None:
    arrivals, services = timeline(drawn)
    longest = [max(float(budget), wait) for wait in waits_when_always_on(pool(arrivals, services), 1)]
    exact = best_schedule(arrivals, services, longest, START_STOP).accelerator_seconds
    assert cover_bound(arrivals, services, longest, START_STOP) <= exact + 1e-6
    assert fluid_bound(arrivals, services, longest, 1, START_STOP) <= exact + 1e-6


@settings(max_examples=100, deadline=None)
@given(requests)
def test_layers_equal_the_best_switching_of_replicas_on_a_grid(drawn: list[tuple[int, int]]) -> None:
    arrivals, services = timeline(drawn)
    waits = [0.0] * len(arrivals)
    assert layered_cost(arrivals, services, waits, 1, START_STOP) == pytest.approx(
        cheapest_switching(arrivals, services)
    )


def cheapest_switching(arrivals: Sequence[float], services: Sequence[float]) -> float:
    """Dynamic programme over whole seconds: pay every replica-second and start, cover every busy one."""
    ends = [arrival + service for arrival, service in zip(arrivals, services, strict=True)]
    jobs = list(zip(arrivals, ends, strict=True))
    moments = sorted(
        {2 * at for at in range(int(max(ends)) + 1)} | {2 * at + 1 for at in range(int(max(ends)) + 1)}
    )
    cost = {0: 0.0}
    for moment in moments:
        at, is_instant = moment / 2, moment % 2 == 0
        need = busy_at(jobs, at, is_instant)
        ahead: dict[int, float] = {}
        for replicas in range(len(jobs) + 1):
            if replicas >= need:
                ahead[replicas] = (0 if is_instant else replicas) + min(
                    paid + START_STOP * max(0, replicas - before) for before, paid in cost.items()
                )
        cost = ahead
    return min(cost.values())


def busy_at(jobs: Sequence[tuple[float, float]], at: float, is_instant: bool) -> int:
    """Replicas busy just after an instant, or needed at it: one that frees then can be taken then."""
    running = sum(begin < at < end for begin, end in jobs)
    needed = running
    if not is_instant:
        return running
    for begin, end in jobs:
        if begin == at:
            needed = max(needed, running + 1)
            running += end > begin
    return needed


def test_what_is_exact_and_what_is_only_a_bound() -> None:
    requests = pool([0, 100, 5000], 5)
    waits = [0.0, 0.0, 0.0]
    kinds = {
        (budget, most): optimum(requests, Setting(budget_seconds=budget, max_replicas=most), 90, waits).kind
        for budget in (0, 120)
        for most in (1, 4)
    }
    assert kinds == {
        (0, 1): Kind.EXACT,
        (120, 1): Kind.EXACT,
        (0, 4): Kind.EXACT,
        (120, 4): Kind.LOWER_BOUND,
    }
