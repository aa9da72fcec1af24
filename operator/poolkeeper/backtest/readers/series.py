"""Requests from samples over time: of rates per second, or of a counter that only rises.

A rate holds until the next sample, and requests arrive at random (Poisson) at that rate. A counter rises by
the requests between two samples, and they arrive at random instants there. Between samples that are further
apart than a few steps nothing is known, and no requests are assumed.
"""

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median

from poolkeeper.backtest.readers.instants import UNIX_SECONDS
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import PoolTrace, Trace, TraceError, busy_pools, check_size

LONGEST_STEP_SECONDS = 3_600.0
"""Samples that are always further apart than this say too little about when requests came."""
STEPS_TO_HOLE = 3.0
"""Samples may be missing for so many steps, as when Prometheus restarts; a longer gap is a hole."""
COUNTERS = ("_total", "_count")
"""How Prometheus' naming rules let the names of counters end."""
FEWEST_RISES = 3
RISES_PER_FALL = 5.0
"""A counter rises so many times as often as it falls; a rate falls about as often as it rises."""
LARGEST_RESTART = 10.0
"""A counter that restarts shows at most so many times its largest rise in a step. A fall to more than that is
one of several summed counters that has gone."""

Sample = tuple[float, float]
"""An instant in seconds, and a value; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one pool, in the order of their instants."""

    name: str
    samples: Sequence[Sample]
    metric: str = ""
    """The name of the metric, where the values are its own and not those of a function of it."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time between two samples of a series."""

    begin: float
    seconds: float
    requests: float
    """Expected in this time: a whole number where a counter counted them."""
    is_hole: bool


def requests_of(source: Source, series: Sequence[Series], seed: int, service: float) -> Trace:
    """Raises TraceError where there are no requests, or more than memory holds."""
    for each in series:
        _check_order(source, each)
    are_counters = _are_counters(series)
    step = _step(series)
    spans = [list(_counted(each, step) if are_counters else _rated(each, step)) for each in series]
    _check_spans(source, spans, step)
    began = min((each.samples[0][0] for each in series if each.samples), default=0.0)
    pools = [
        _pool(each.name, known, began, service, are_counters, random.Random(f"{seed} series {each.name}"))  # noqa: S311
        for each, known in zip(series, spans, strict=True)
    ]
    notes = (*_counter_notes(series, are_counters), *_hole_notes(series, spans))
    return busy_pools(source, source.name, pools, "holds no requests: every value is zero or absent", notes)


def _check_order(source: Source, series: Series) -> None:
    for (before, _), (instant, _) in pairwise(series.samples):
        if instant <= before:
            message = (
                f"the instants of a series must rise, got {instant:.15g} after {before:.15g} in {series.name}"
            )
            raise TraceError(source, message)


def _are_counters(series: Sequence[Series]) -> bool:
    """Whether the values count requests: one query gives the same kind of values in all series."""
    changes = [change for each in series for change in _changes(each)]
    rises, falls = sum(change > 0 for change in changes), sum(change < 0 for change in changes)
    if all(each.metric.endswith(COUNTERS) for each in series):
        return rises >= falls
    are_whole = all(value.is_integer() for each in series for _, value in _known(each.samples))
    return are_whole and rises >= max(FEWEST_RISES, RISES_PER_FALL * falls)


def _changes(series: Series) -> Iterator[float]:
    return (after - before for (_, before), (_, after) in pairwise(_known(series.samples)))


def _known(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if not math.isnan(sample[1])]


def _step(series: Sequence[Series]) -> float:
    """The time between two samples, usually: the same for all series, since one query has one step."""
    apart = [after - before for each in series for (before, _), (after, _) in pairwise(each.samples)]
    return min(LONGEST_STEP_SECONDS, median(apart) if apart else math.inf)


def _rated(series: Series, step: float) -> Iterator[Span]:
    for (begin, rate), (end, _) in pairwise(series.samples):
        is_hole = math.isnan(rate) or end - begin > STEPS_TO_HOLE * step
        yield Span(begin, end - begin, 0.0 if math.isnan(rate) else rate * (end - begin), is_hole)


def _counted(series: Series, step: float) -> Iterator[Span]:
    largest = max(_changes(series), default=0.0)
    for (begin, before), (end, after) in pairwise(_known(series.samples)):
        since_restart = after if _is_restart(after, largest) else 0.0
        requests = after - before if after >= before else since_restart
        yield Span(begin, end - begin, requests, end - begin > STEPS_TO_HOLE * step)


def _is_restart(value: float, largest_rise: float) -> bool:
    return value <= LARGEST_RESTART * largest_rise


def _check_spans(source: Source, spans: Sequence[Sequence[Span]], step: float) -> None:
    known = [span for each in spans for span in each if not span.is_hole]
    if not known and any(spans):
        hours = STEPS_TO_HOLE * step / 3600
        raise TraceError(
            source,
            f"no two values are within {hours:.2g} h of each other; query with a step of a few minutes",
        )
    check_size(
        source,
        sum(span.requests for span in known),
        hint="; if the values are a counter, query rate(NAME[1m])",
    )


def _pool(
    name: str,
    spans: Sequence[Span],
    began: float,
    service: float,
    is_counter: bool,
    randomness: random.Random,
) -> PoolTrace:
    draw = _exactly if is_counter else _poisson
    arrivals = array("d")
    for span in spans:
        if span.requests and not span.is_hole:
            arrivals.extend(span.begin - began + offset for offset in draw(span, randomness))
    return PoolTrace(name, arrivals, array("d", [service]) * len(arrivals))


def _exactly(span: Span, randomness: random.Random) -> list[float]:
    return sorted(randomness.random() * span.seconds for _ in range(round(span.requests)))


def _poisson(span: Span, randomness: random.Random) -> Iterator[float]:
    rate = span.requests / span.seconds
    at = randomness.expovariate(rate)
    while at < span.seconds:
        yield at
        at += randomness.expovariate(rate)


def _counter_notes(series: Sequence[Series], are_counters: bool) -> Iterator[str]:
    if not are_counters:
        yield "the values are taken as rates, in requests per second"
        return
    falls = [
        _is_restart(after, largest)
        for each in series
        for largest in [max(_changes(each), default=0.0)]
        for (_, before), (_, after) in pairwise(_known(each.samples))
        if after < before
    ]
    restarts = f", which restarts {_times(falls.count(True))}" if any(falls) else ""
    yield f"the values are a counter{restarts}: its rises are requests, at random instants of each step"
    if not all(falls):
        yield (
            f"the counter falls {_times(falls.count(False))} to a value that is no restart, as a sum does "
            "when one of its counters goes: no requests are assumed there; query sum(rate(NAME[1m]))"
        )


def _hole_notes(series: Sequence[Series], spans: Sequence[Sequence[Span]]) -> Iterator[str]:
    holes = [
        (span, each.name) for each, known in zip(series, spans, strict=True) for span in known if span.is_hole
    ]
    if not holes:
        return
    longest, name = max(holes, key=lambda hole: hole[0].seconds)
    together = sum(span.seconds for span, _ in holes)
    yield (
        f"{'1 hole' if len(holes) == 1 else f'{len(holes)} holes'} of {_duration(together)} together, "
        f"the longest of {_duration(longest.seconds)} "
        f"from {_instant(longest.begin)} in {name}: no requests are assumed there"
    )


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"


def _instant(seconds: float) -> str:
    if seconds < UNIX_SECONDS:
        return f"{seconds:g} s"
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
