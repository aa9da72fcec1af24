"""Decisions per second of one core, and memory per pool."""

import argparse
import gc
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from time import process_time

from poolkeeper.core.baselines.comparison import Bounds, Comparison, Counted
from poolkeeper.core.baselines.virtual_pool import Usual
from poolkeeper.core.billing.amounts import Unit
from poolkeeper.core.billing.books import Day
from poolkeeper.core.billing.meter import Meter, Seen, advance, begin, compared, was_booked
from poolkeeper.core.billing.occupancy import Occupant
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import PoolState, initial_state, learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.ledger import Ledger, Sample, record
from poolkeeper.core.values.observation import Observation, Reading, Replicas, Stage, StartingReplica
from poolkeeper.core.values.spec import PoolSpec

WAITING = 50
ROUNDS = 20_000
POOLS = 500
DAY = 86_400.0
FIRST_DAY = 20_000 * DAY
DAYS = [Day(FIRST_DAY + number * DAY, FIRST_DAY + (number + 1) * DAY) for number in range(40)]
SPEC = PoolSpec(max_replicas=8, budget_seconds=600.0, concurrency=4)


def experienced(spec: PoolSpec) -> PoolState:
    """A state that has seen enough starts to be as large as it gets."""
    state = initial_state(0.0, spec)
    for number in range(100):
        asked_at = 1000.0 * number
        sample = StartSample(
            uid=f"pod-{number}", asked_at=asked_at, observed_at=asked_at + 60 + number,
            scheduled_at=asked_at + 1, started_at=asked_at + 30, ready_at=asked_at + 60 + number,
        )  # fmt: skip
        state = learn(state, sample)
    return state


def queue_fills(spec: PoolSpec, began: float) -> Ledger:
    """A ledger in which one more request waits at every poll, so that each has its own date."""
    ledger = Ledger.empty("queue")
    for queued in range(WAITING + 1):
        ledger = record(ledger, Sample("queue", began + queued / 2, queued, 0), spec.sources[0])
    return ledger


def decisions_per_second() -> float:
    """Decisions on a poll that has just come, with the ledger's own work left out."""
    began = 200_000.0
    ledger = queue_fills(SPEC, began)
    now = began + WAITING / 2
    state, demand, replicas = experienced(SPEC), (ledger.demand,), Replicas(desired=0, ready=0)
    observation = Observation(demand=demand, replicas=replicas)
    started = process_time()
    for number in range(ROUNDS):
        _, state = decide(now + number * 1e-4, SPEC, observation, state)
    return ROUNDS / (process_time() - started)


def others(began: float) -> dict[str, Observation]:
    """What else a pool with requests may look like: replicas that work, or start, or have nothing to do."""
    ledger = queue_fills(SPEC, began)
    idle = record(Ledger.empty("queue"), Sample("queue", began + WAITING / 2, 0, 0), SPEC.sources[0])
    if not isinstance(ledger.demand, Reading) or not isinstance(idle.demand, Reading):
        raise TypeError("a ledger with a sample holds no reading")
    full = replace(ledger.demand, in_flight=4 * SPEC.concurrency)
    starting = tuple(
        StartingReplica(began + number, Stage.NO_CONTAINER, began + number) for number in range(4)
    )
    return {
        f"{WAITING} waiting, 4 replicas working": Observation((full,), Replicas(4, 4)),
        f"{WAITING} waiting, 4 replicas starting": Observation((ledger.demand,), Replicas(4, 0, starting)),
        "none waiting, 4 replicas working": Observation(
            (replace(idle.demand, in_flight=12),), Replicas(4, 4)
        ),
        "none waiting, 4 replicas idle": Observation((idle.demand,), Replicas(4, 4)),
        "none waiting, at zero": Observation((idle.demand,), Replicas(0, 0)),
    }


def rate(observation: Observation, now: float) -> float:
    """Decisions per second on the same observation, which time passes over."""
    state = experienced(SPEC)
    started = process_time()
    for number in range(ROUNDS):
        _, state = decide(now + number * 1e-4, SPEC, observation, state)
    return ROUNDS / (process_time() - started)


def billed(began: float) -> tuple[Meter, Comparison]:
    """The bill of a pool that ran three times on each of 40 days, and has stopped."""
    meter, unit = begin(began, Day(began, began + DAY)), Unit("nvidia-l4", 1, 800_000, 72)
    for hour in range(0, 24 * 40, 8):
        at, day = began + 3600 * hour, DAYS[hour // 24]
        meter = advance(meter, at + 1.3, day, Seen((Occupant(f"pod-{hour}", unit, at),), 3, 600.0))
        meter = advance(meter, at + 900.2, day, Seen((), 0, 600.0))
        meter = compared(meter, at, at + 1000.0, unit, 400.3, 500.7)
        meter = was_booked(meter, int(at // 3600) - 1)
    comparison = Comparison(began)
    bounds, usual = Bounds(0, 8, 4, is_held=False, drains=True), Usual(4, 60.0, 10.0, 600.0)
    for at, arrived in ((began, 0), (began + 1, 5), (began + DAY, 5)):
        comparison.follow(at, bounds, usual, [Counted("queue", arrived, 0)])
    return meter, comparison


def kibibytes_per_pool() -> float:
    """What the states, ledgers and bills of many pools add to the heap, each, without garbage that waits
    to be collected."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    kept = [(experienced(SPEC), queue_fills(SPEC, 200_000.0), billed(FIRST_DAY)) for _ in range(POOLS)]
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / len(kept) / 1024


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.parse_args(arguments)
    print(f"{decisions_per_second():,.0f} decisions a second on one core with {WAITING} waiting requests")
    for name, observation in others(began := 200_000.0).items():
        print(f"{rate(observation, began + WAITING / 2):,.0f} with {name}")
    print(f"{kibibytes_per_pool():.1f} KiB per pool")
    return 0
