"""Generated families of traces that resemble none of the shared ones, to see what holds on traces of users.

No constant of the policy was chosen on them. Each pool draws its own rates and lengths, has some 700 to 1600
requests, and is replayed in some tenths of a second. The same seed always makes the same trace.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.traces.trace import PoolTrace, Trace, sorted_pool

HOUR = 3600.0
Requests = list[tuple[float, float]]
"""Arrivals and service times in seconds."""
Kind = Callable[[random.Random], Requests]


@dataclass(frozen=True)
class Family:
    """What its pools are like, and the replicas that each of them may have."""

    kinds: tuple[Kind, ...]
    """Each seed makes one pool of each."""
    concurrency: int = 1
    max_replicas: int = 1

    def setting(self) -> Setting:
        """Its replicas; the budget depends on the start times."""
        return Setting(budget_seconds=0.0, concurrency=self.concurrency, max_replicas=self.max_replicas)

    def trace(self, name: str, seeds: int) -> Trace:
        """The pools of seeds 0, 1, …; `seed_of` says which one a pool comes from."""
        return Trace(
            name,
            tuple(
                sorted_pool(f"{name} {number} of seed {seed}", kind(random.Random(f"{name} {number} {seed}")))
                for seed in range(seeds)
                for number, kind in enumerate(self.kinds)
            ),
        )


def seed_of(pool: PoolTrace) -> str:
    """The seed that a pool comes from."""
    return pool.name.rpartition(" ")[2]


def long_jobs(randomness: random.Random) -> Requests:
    """Jobs of 30 to 120 s each, every eight to thirty minutes for four hours or so, then a quiet spell."""
    shortest, longest = randomness.uniform(30, 60), randomness.uniform(80, 120)
    gap = randomness.uniform(500, 1800)
    found: Requests = []
    at = 0.0
    while len(found) < 900:
        ends = at + randomness.expovariate(1 / (4 * HOUR))
        while (at := at + randomness.expovariate(1 / gap)) < ends:
            found.append((at, randomness.uniform(shortest, longest)))
        at = ends + randomness.expovariate(1 / (1.5 * HOUR))
    return found


def long_bursts(randomness: random.Random) -> Requests:
    """Bursts of two jobs or more (six on average) within a minute or so, of 20 to 180 s each."""
    apart, median = randomness.uniform(1800, 4200), randomness.uniform(35, 60)
    found: Requests = []
    at = 0.0
    while len(found) < 900:
        at += 300 + randomness.expovariate(1 / apart)
        step, jobs = at, 2 + int(randomness.expovariate(1 / 4.5))
        for _ in range(jobs):
            seconds = randomness.lognormvariate(math.log(median), 0.5)
            found.append((step, min(max(seconds, 20.0), 180.0)))
            step += randomness.expovariate(1 / 10)
    return found


def daily_web(randomness: random.Random) -> Requests:
    """Five days of web requests of seconds each: nearly none at night, and no hour is like the next."""
    peak, median = randomness.uniform(20, 30), randomness.uniform(1.5, 4)
    found: Requests = []
    for hour in range(5 * 24):
        shape = max(0.02, math.sin((hour % 24 - 6) / 18 * math.pi)) * (0.4 if hour // 24 == 3 else 1.0)
        rate = peak * shape * randomness.lognormvariate(-0.25, 0.7) / HOUR
        at = hour * HOUR
        while (at := at + randomness.expovariate(rate)) < (hour + 1) * HOUR:
            found.append((at, randomness.lognormvariate(math.log(median), 0.8)))
    return found


def periodic(randomness: random.Random) -> Requests:
    """A caller every six to fourteen minutes, a twentieth of that early or late; it misses one in 50."""
    period, seconds = randomness.uniform(360, 840), randomness.uniform(2, 20)
    return [
        (number * period + randomness.uniform(0, 0.1) * period, seconds)
        for number in range(700)
        if randomness.random() > 0.02
    ]


def independent(randomness: random.Random) -> Requests:
    """Requests every three to eight minutes on average, independent of each other."""
    gap, at = randomness.uniform(180, 480), 0.0
    return [(at := at + randomness.expovariate(1 / gap), randomness.expovariate(1 / 8)) for _ in range(900)]


def hourly_batches(randomness: random.Random) -> Requests:
    """Three to eight requests of some 7 s at each full hour, and one or two at other times."""
    found: Requests = []
    for hour in range(140):
        at = hour * HOUR + randomness.uniform(0, 20)
        for _ in range(randomness.randint(3, 8)):
            found.append((at, randomness.uniform(4, 10)))
            at += randomness.expovariate(1 / 4)
        found += [
            (hour * HOUR + randomness.uniform(300, 3500), randomness.uniform(4, 10))
            for _ in range(randomness.randint(1, 2))
        ]
    return found


def two_rates(randomness: random.Random) -> Requests:
    """Every half minute for ten minutes or so, then every quarter of an hour for an hour or two."""
    found: Requests = []
    at = 0.0
    while len(found) < 1000:
        for gap, length in ((30, 600), (900, 5400)):
            ends = at + randomness.expovariate(1 / length)
            while (at := at + randomness.expovariate(1 / gap)) < ends:
                found.append((at, randomness.lognormvariate(math.log(6), 0.6)))
            at = ends
    return found


def heavy_tails(randomness: random.Random) -> Requests:
    """Busy and silent spells whose lengths, like those of the requests, have heavy tails."""
    found: Requests = []
    gap, at = randomness.uniform(20, 45), 0.0
    while len(found) < 1200:
        ends = at + min(60 * randomness.paretovariate(1.3), HOUR)
        while at < ends:
            found.append((at, min(randomness.lognormvariate(math.log(4), 1.1), 120.0)))
            at += randomness.expovariate(1 / gap)
        at = ends + min(180 * randomness.paretovariate(1.1), 12 * HOUR)
    return found


FAMILIES: Mapping[str, Family] = {
    "long-jobs": Family((long_jobs, long_jobs)),
    "long-bursts": Family((long_bursts, long_bursts), concurrency=4, max_replicas=2),
    "daily-web": Family((daily_web, daily_web)),
    "mixed": Family((periodic, independent, hourly_batches, two_rates)),
    "heavy-tails": Family((heavy_tails, heavy_tails)),
}
