"""Azure Functions 2019 by application: invocations of the day, and containers needed in each minute.

One application is one pool. Its invocations are divided among the minutes of the day in proportion to the
containers needed, and arrive at random instants of their minute. A request's service time is such that the
requests of a minute keep half of its containers busy, but at most 2 s.
"""

import json
import random
from typing import Any

from poolkeeper.backtest.readers.lines import json_lines
from poolkeeper.backtest.readers.source import Source
from poolkeeper.backtest.traces.trace import PoolTrace, Trace, TraceError, busy_pools, check_size, sorted_pool

MINUTE_SECONDS = 60.0
BUSY_SHARE = 0.5
LONGEST_SERVICE_SECONDS = 2.0


def read_azure_functions(source: Source, seed: int) -> Trace:
    """JSON lines with app, num_invocations_day1 and containers_per_min."""
    pools = [_application(source, line, content, seed) for line, content in json_lines(source)]
    return busy_pools(source, source.name, pools, "holds no requests")


def _application(source: Source, line: int, content: str, seed: int) -> PoolTrace:
    try:
        application: Any = json.loads(content)
        name = str(application["app"])[:12]
        containers = [int(count) for count in application["containers_per_min"]]
        invocations = int(application["num_invocations_day1"])
    except (ValueError, TypeError, KeyError) as error:
        message = "must be an object with app, num_invocations_day1 and the list containers_per_min"
        raise TraceError(source, message, line) from error
    if invocations < 0 or any(count < 0 for count in containers):
        raise TraceError(source, "invocations and containers must not be negative", line)
    check_size(source, invocations, line)
    return _spread(name, invocations, containers, random.Random(f"{seed} {name}"))  # noqa: S311


def _spread(name: str, invocations: int, containers: list[int], randomness: random.Random) -> PoolTrace:
    total = sum(containers)
    requests: list[tuple[float, float]] = []
    dealt = needed = 0
    for minute, count in enumerate(containers):
        needed += count
        here = round(invocations * needed / total) - dealt if total else 0
        dealt += here
        service = min(LONGEST_SERVICE_SECONDS, BUSY_SHARE * MINUTE_SECONDS * count / here) if here else 0.0
        requests += [((minute + randomness.random()) * MINUTE_SECONDS, service) for _ in range(here)]
    return sorted_pool(name, requests)
