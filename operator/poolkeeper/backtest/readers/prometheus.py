"""Request rates (per second) from the answer of Prometheus' HTTP API to a range query.

    curl -G http://prometheus/api/v1/query_range -d start=... -d end=... -d step=60 \
      --data-urlencode 'query=sum by (model) (rate(requests_total[1m]))'

Every series is a pool. Inside a step, requests arrive at random (Poisson) at the step's rate.
"""

import json
import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

from poolkeeper.backtest.readers.lines import opened
from poolkeeper.backtest.traces.trace import PoolTrace, Trace, TraceError, busy_pools, sorted_pool

LONGEST_STEP_SECONDS = 3_600.0
"""A rate counts for one step, at most this long: in a longer hole between two values no requests are assumed.
"""
MOST_REQUESTS = 50_000_000


def read_prometheus(path: Path, seed: int, default_service: float) -> Trace:
    """The `result` matrix of a successful range query."""
    series = _series(path)
    began = min((values[0][0] for _, values in series if values), default=0.0)
    pools = [
        _requests(path, name, values, began, default_service, random.Random(f"{seed} series {name}"))  # noqa: S311
        for name, values in series
    ]
    return busy_pools(path, path.name, pools, "holds no requests: every rate is zero or absent")


def _series(path: Path) -> list[tuple[str, list[tuple[float, float]]]]:
    with opened(path) as text:
        try:
            answer: Any = json.load(text)
        except ValueError as error:
            raise TraceError(path, f"is not JSON: {error}", getattr(error, "lineno", None)) from error
    try:
        result = answer["data"]["result"] if "data" in answer else answer["result"]
        return [
            (_name(series["metric"], place), _values(path, series["values"]))
            for place, series in enumerate(result)
        ]
    except (TypeError, KeyError, ValueError) as error:
        message = "is not the answer to a Prometheus range query (data.result with metric and values)"
        raise TraceError(path, message) from error


def _name(labels: dict[str, str], place: int) -> str:
    shown = ",".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "__name__")
    return shown or f"series-{place}"


def _values(path: Path, values: list[list[Any]]) -> list[tuple[float, float]]:
    """Instants and rates; NaN (no data) is a rate of zero."""
    known: list[tuple[float, float]] = []
    for instant, text in values:
        rate = float(text)
        if rate < 0 or math.isinf(rate):
            raise TraceError(path, f"a request rate must be finite and not negative, got {text} at {instant}")
        if known and float(instant) <= known[-1][0]:
            raise TraceError(
                path, f"the instants of a series must rise, got {instant} after {known[-1][0]:.0f}"
            )
        known.append((float(instant), 0.0 if math.isnan(rate) else rate))
    return known


def _requests(
    path: Path,
    name: str,
    values: list[tuple[float, float]],
    began: float,
    service: float,
    randomness: random.Random,
) -> PoolTrace:
    requests: list[tuple[float, float]] = []
    for (instant, rate), (following, _) in pairwise(values):
        step = min(following - instant, LONGEST_STEP_SECONDS)
        if rate * step > MOST_REQUESTS:
            raise TraceError(path, f"{rate:g} requests/s for {step:g} s is more than can be replayed")
        at = randomness.expovariate(rate) if rate > 0 else math.inf
        while at < step:
            requests.append((instant - began + at, service))
            at += randomness.expovariate(rate)
    return sorted_pool(name, requests)
