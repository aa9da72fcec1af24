"""ServeGen's clients (Alibaba): request rates per window of 600 s with the law of the inter-arrival times.

One client is one pool. Only clients below a mean rate are read, because only these can be scaled to zero, and
the others would be millions of requests. The requests of a window follow its Gamma or Weibull law, from a
random instant in the window on; where they would last longer than the window, the gaps are shortened.
"""

import random
from collections.abc import Callable

from poolkeeper.backtest.readers.lines import number, records
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import PoolTrace, Trace, TraceError, sorted_pool

WINDOW_SECONDS = 600.0
HIGHEST_MEAN_RATE = 0.02
"""Clients with more requests per second than this, on average over the file, are left out."""
SERVICE_SECONDS = 1.0

Window = tuple[float, int, Callable[[random.Random], float]]


def read_servegen(source: Source, seed: int) -> Trace:
    """Columns client,t_s,rate_per_s,cv,dist,p1,p2."""
    clients: dict[str, list[Window]] = {}
    ends = 0.0
    columns = ["client", "t_s", "rate_per_s", "dist", "p1", "p2"]
    for line, (client, begin, rate, law, shape, scale) in records(source, columns):
        window = _window(source, line, begin, rate, law, shape, scale)
        clients.setdefault(client, []).append(window)
        ends = max(ends, window[0] + WINDOW_SECONDS)
    counts = {client: sum(count for _, count, _ in windows) for client, windows in clients.items()}
    pools = [
        _requests(client, windows, random.Random(f"{seed} client {client}"))  # noqa: S311
        for client, windows in clients.items()
        if 0 < counts[client] <= HIGHEST_MEAN_RATE * ends
    ]
    if not pools:
        raise TraceError(source, f"has no client with requests below {HIGHEST_MEAN_RATE}/s on average")
    return Trace(source.name, tuple(pools), _left_out(list(counts.values()), ends))


def _left_out(counts: list[int], ends: float) -> tuple[str, ...]:
    busy = [count for count in counts if count > HIGHEST_MEAN_RATE * ends]
    if not busy:
        return ()
    return (
        f"{len(busy)} of {len(counts)} clients are left out, with {sum(busy)} of {sum(counts)} requests: "
        f"they call more than {HIGHEST_MEAN_RATE} times a second on average, too often to scale them to zero",
    )


def _window(source: Source, line: int, begin: str, rate: str, law: str, shape: str, scale: str) -> Window:
    at = number(source, line, "t_s", begin)
    per_second = number(source, line, "rate_per_s", rate)
    a, b = number(source, line, "p1", shape), number(source, line, "p2", scale)
    if at < 0 or not 0 <= per_second < 1e6 or a <= 0 or b <= 0:
        raise TraceError(source, "t_s and rate_per_s must not be negative, p1 and p2 must be above 0", line)
    count = round(per_second * WINDOW_SECONDS)
    match law:
        case "Gamma":
            return at, count, lambda randomness: randomness.gammavariate(a, b)
        case "Weibull":
            return at, count, lambda randomness: randomness.weibullvariate(b, a)
        case _:
            raise TraceError(source, f"dist must be Gamma or Weibull, got {law[:60]!r}", line)


def _requests(client: str, windows: list[Window], randomness: random.Random) -> PoolTrace:
    requests: list[tuple[float, float]] = []
    for begin, count, draw in windows:
        offsets: list[float] = [0.0] if count else []
        while len(offsets) < count:
            offsets.append(offsets[-1] + draw(randomness))
        span = offsets[-1] if offsets else 0.0
        squeeze = min(1.0, WINDOW_SECONDS / span) if span else 1.0
        first = begin + randomness.random() * (WINDOW_SECONDS - span * squeeze)
        requests += [
            (first + offset * squeeze, randomness.expovariate(1 / SERVICE_SECONDS)) for offset in offsets
        ]
    return sorted_pool(f"client-{client}", requests)
