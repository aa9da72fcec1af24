"""Coding-agent sessions: the requests of one session each, timed from the session's own beginning.

It was not published when sessions began. Here each session belongs to one of 24 developers, and each
developer is a pool. A developer begins the next session after a random pause with a mean of eight hours. The
service time of a request is its api_time_s.
"""

import random

from poolkeeper.backtest.readers.lines import number, records
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import PoolTrace, Trace, TraceError, sorted_pool

DEVELOPERS = 24
MEAN_PAUSE_SECONDS = 8 * 3600.0

Session = list[tuple[float, float]]


def read_agents(source: Source, seed: int) -> Trace:
    """Columns trace,t_s,api_time_s (others are ignored)."""
    sessions: dict[str, Session] = {}
    for line, (session, begin, took) in records(source, ["trace", "t_s", "api_time_s"]):
        at = number(source, line, "t_s", begin)
        service = number(source, line, "api_time_s", took or "0")
        if not (0 <= at < 1e9 and 0 <= service < 1e9):
            raise TraceError(source, "t_s and api_time_s must be seconds, not negative", line)
        sessions.setdefault(session, []).append((at, service))
    if not sessions:
        raise TraceError(source, "holds no requests")
    names = sorted(sessions)
    random.Random(f"{seed} sessions").shuffle(names)  # noqa: S311
    developers = min(DEVELOPERS, len(names))
    return Trace(
        source.name,
        tuple(
            _developer(f"developer-{number}", [sessions[name] for name in names[number::developers]], seed)
            for number in range(developers)
        ),
    )


def _developer(name: str, sessions: list[Session], seed: int) -> PoolTrace:
    randomness = random.Random(f"{seed} {name}")  # noqa: S311
    requests: Session = []
    began = randomness.random() * MEAN_PAUSE_SECONDS
    for session in sessions:
        requests += [(began + at, service) for at, service in session]
        began += max(at for at, _ in session) + randomness.expovariate(1 / MEAN_PAUSE_SECONDS)
    return sorted_pool(name, requests)
