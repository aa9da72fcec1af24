"""Synthetic traces from a seed: `--trace generate:KIND[,key=value,…]`."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from poolkeeper.backtest.traces.trace import (
    MOST_REQUESTS,
    PoolTrace,
    Trace,
    TraceError,
    busy_pools,
    sorted_pool,
)

PREFIX = "generate:"
MOST_POOLS = 10_000
MOST_POOL_HOURS = 20_000_000

Requests = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Shape:
    """Parameters of every kind of trace."""

    rate: float = 20.0
    """Requests per hour of each pool, on average."""
    hours: float = 24.0
    service: float = 5.0
    """Mean service time in seconds."""
    pools: float = 1.0


def generate(text: str, seed: int) -> Trace:
    """A trace from its command-line form; raises TraceError."""
    kind, *arguments = text.removeprefix(PREFIX).split(",")
    if kind not in KINDS:
        raise TraceError(text, f"there is no generator {kind!r}; there are {', '.join(KINDS)}")
    shape = _shape(text, arguments)
    pools = [_pool(kind, shape, number, seed) for number in range(int(shape.pools))]
    return busy_pools(text, text.removeprefix(PREFIX), pools, "made no requests; raise rate or hours")


def _shape(text: str, arguments: list[str]) -> Shape:
    values: dict[str, float] = {}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key not in Shape.__dataclass_fields__:
            raise TraceError(
                text, f"a generator has no parameter {key!r}; it has rate, hours, service, pools"
            )
        try:
            values[key] = float(value)
        except ValueError as error:
            raise TraceError(text, f"{key} must be a number, got {value!r}") from error
        if key == "pools" and not (1 <= values[key] <= MOST_POOLS and values[key].is_integer()):
            raise TraceError(text, f"pools must be a whole number from 1 to {MOST_POOLS}, got {value}")
        if not 0 < values[key] <= 1e9:
            raise TraceError(text, f"{key} must be above 0 and at most 1e9, got {value}")
    shape = Shape(**values)
    if shape.rate * shape.hours * shape.pools > MOST_REQUESTS:
        raise TraceError(text, f"would make more than {MOST_REQUESTS} requests")
    if shape.hours * shape.pools > MOST_POOL_HOURS:
        raise TraceError(text, f"would go through more than {MOST_POOL_HOURS} hours of pools")
    return shape


def _pool(kind: str, shape: Shape, number: int, seed: int) -> PoolTrace:
    randomness = random.Random(f"{seed} {kind} {number}")  # noqa: S311
    arrivals = KINDS[kind](shape, randomness)
    horizon = shape.hours * 3600
    return sorted_pool(
        f"{kind}-{number}",
        [(arrival, randomness.expovariate(1 / shape.service)) for arrival in arrivals if arrival < horizon],
    )


def _thinned(
    shape: Shape, randomness: random.Random, relative: Callable[[float], float], peak: float
) -> list[float]:
    """Poisson arrivals at the rate of the shape times `relative(instant)`, which is at most `peak`."""
    arrivals: list[float] = []
    at, horizon = 0.0, shape.hours * 3600
    while True:
        at += randomness.expovariate(shape.rate / 3600 * peak)
        if at >= horizon:
            return arrivals
        if randomness.random() * peak < relative(at):
            arrivals.append(at)


def _poisson(shape: Shape, randomness: random.Random) -> list[float]:
    return _thinned(shape, randomness, lambda at: 1.0, 1.0)


def _diurnal(shape: Shape, randomness: random.Random) -> list[float]:
    """Busiest at 15:00, nearly quiet at 03:00."""
    return _thinned(shape, randomness, lambda at: 1 - 0.95 * math.cos((at / 3600 - 3) * math.pi / 12), 1.95)


def _working_hours(shape: Shape, randomness: random.Random) -> list[float]:
    """From 9:00, give or take ten minutes, to 17:00, on the first five of seven days."""
    first_hours = [9 + randomness.gauss(0, 1 / 6) for _ in range(int(shape.hours / 24) + 1)]
    share = 5 * 8 / (7 * 24)

    def relative(at: float) -> float:
        day, second = divmod(at, 86_400)
        is_open = day % 7 < 5 and first_hours[int(day)] <= second / 3600 < 17
        return 1 / share if is_open else 0.0

    return _thinned(shape, randomness, relative, 1 / share)


def _flash_crowd(shape: Shape, randomness: random.Random) -> list[float]:
    """A quarter of the rate, and once, in the middle, a crowd that doubles each minute and fades in ten."""
    middle = shape.hours * 1800

    def relative(at: float) -> float:
        since = at - middle
        if since <= 0:
            return 0.25
        return 0.25 + 30 * 2 ** (min(since, 300) / 60 - 5) * math.exp(-max(0.0, since - 300) / 600)

    return _thinned(shape, randomness, relative, 30.25)


def _on_off(shape: Shape, randomness: random.Random) -> list[float]:
    """Bursts of ten minutes on average, with the requests of an hour each, and silence between them."""
    arrivals: list[float] = []
    at, horizon = randomness.expovariate(1 / 3000), shape.hours * 3600
    while at < horizon:
        ends = at + randomness.expovariate(1 / 600)
        while (at := at + randomness.expovariate(6 * shape.rate / 3600)) < ends:
            arrivals.append(at)
        at = ends + randomness.expovariate(1 / 3000)
    return arrivals


def _agents(shape: Shape, randomness: random.Random) -> list[float]:
    """Sessions of 40 requests on average, log-normally spaced around 17 s, as coding agents make them."""
    arrivals: list[float] = []
    at, horizon = 0.0, shape.hours * 3600
    while True:
        at += randomness.expovariate(shape.rate / 40 / 3600)
        if at >= horizon:
            return arrivals
        step = at
        while True:
            arrivals.append(step)
            if randomness.random() < 1 / 40:
                break
            step += randomness.lognormvariate(math.log(17), 1.4)


KINDS: Mapping[str, Callable[[Shape, random.Random], list[float]]] = {
    "poisson": _poisson,
    "on-off": _on_off,
    "diurnal": _diurnal,
    "working-hours": _working_hours,
    "agents": _agents,
    "flash-crowd": _flash_crowd,
}
