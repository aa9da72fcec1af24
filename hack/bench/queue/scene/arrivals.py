"""When jobs come to a pool and how long each takes: bursts, steady phases and silence, by a seed."""

from dataclasses import dataclass
from random import Random

from hack.bench.queue.scene.pods import OnTerm


@dataclass(frozen=True)
class Profile:
    """A kind of work. All times are seconds."""

    name: str
    load_seconds: float
    service_seconds: tuple[float, float]
    """The shortest and the longest job."""
    burst: tuple[int, int]
    """The fewest and the most jobs that come at once."""
    steady_per_second: tuple[float, float]
    budget_seconds: int
    idle_seconds: int
    grace_seconds: float
    """How long a worker may go on after SIGTERM."""
    on_term: OnTerm
    most_replicas: int
    wait_seconds: float = 0
    """How long a worker waits before it asks again; 0 for as long as it takes."""
    declares_drain: bool = False
    """Whether the pool says `drainsOnTermination`."""


PROFILES = (
    Profile(
        "short jobs",
        load_seconds=8,
        service_seconds=(0.1, 2.0),
        burst=(40, 160),
        steady_per_second=(0.5, 4.0),
        budget_seconds=20,
        idle_seconds=20,
        grace_seconds=30,
        on_term=OnTerm.FINISHES,
        most_replicas=6,
        declares_drain=True,
    ),
    Profile(
        "medium jobs",
        load_seconds=15,
        service_seconds=(2.0, 8.0),
        burst=(10, 60),
        steady_per_second=(0.2, 1.0),
        budget_seconds=30,
        idle_seconds=30,
        grace_seconds=30,
        on_term=OnTerm.ENDS,
        most_replicas=8,
        wait_seconds=1,
    ),
    Profile(
        "long jobs",
        load_seconds=5,
        service_seconds=(15.0, 60.0),
        burst=(1, 12),
        steady_per_second=(0.01, 0.05),
        budget_seconds=10,
        idle_seconds=20,
        grace_seconds=5,
        on_term=OnTerm.IGNORES,
        most_replicas=6,
    ),
)


@dataclass(frozen=True)
class Arrival:
    """One job."""

    at: float
    """Seconds after the world began."""
    service_seconds: float


def arrivals(profile: Profile, seconds: float, seed: str) -> tuple[Arrival, ...]:
    """All jobs of one pool within so many seconds, the first within the first half minute."""
    chance = Random(seed)
    found: list[Arrival] = []
    at = chance.uniform(5, 30)
    while at < seconds:
        if chance.random() < 0.6:
            jobs = chance.randint(*profile.burst)
            instants = [at + chance.uniform(0, 2) for _ in range(jobs)]
        else:
            rate, until = chance.uniform(*profile.steady_per_second), at + chance.uniform(40, 180)
            instants = []
            while (at := at + chance.expovariate(rate)) < until:
                instants.append(at)
        found += [Arrival(each, chance.uniform(*profile.service_seconds)) for each in instants]
        at += chance.choice((chance.uniform(2, 40), chance.uniform(60, 240)))
    return tuple(sorted(found, key=lambda arrival: arrival.at))
