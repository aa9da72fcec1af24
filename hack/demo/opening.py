"""A short replay of real coding-agent traffic on the terminal: Poolkeeper, KEDA and an always-on pool."""

import sys
import time
from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from hack.bench.policy.measures.slices import AGENT_SESSIONS, bundled
from poolkeeper.backtest.comparison import Comparison, Results, compare
from poolkeeper.backtest.controllers.registry import parse_policy
from poolkeeper.backtest.figures import PoolFigures, Row
from poolkeeper.backtest.simulation.setting import Setting
from poolkeeper.backtest.simulation.start_times import parse_start_times
from poolkeeper.backtest.simulation.timeline import replicas_per_bin, requests_per_bin
from poolkeeper.backtest.traces.trace import PoolTrace, Trace

POLICIES = ("poolkeeper", "keda", "always-on")
DEVELOPERS = 8
BUDGET_SECONDS = 120.0
START_SECONDS = 90.0
SHOWN_SECONDS = 12 * 3600.0
DRAWING_SECONDS = 5.0
HEIGHTS = " ▁▂▃▄▅▆▇█"
LABEL_WIDTH = 12


def main() -> int:
    """Replays and draws; returns the exit status."""
    console = Console(highlight=False)
    whole = bundled(AGENT_SESSIONS)
    trace = Trace(whole.name, whole.pools[:DEVELOPERS])
    console.print(
        f"{trace.requests} requests of {DEVELOPERS} developers' coding agents, one model each. A model takes "
        f"{START_SECONDS:.0f} s to start; a request may wait {BUDGET_SECONDS:.0f} s."
    )
    began = time.monotonic()
    results = replay(trace)
    console.print(
        f"Replayed three times in {time.monotonic() - began:.1f} s. Twelve hours of one developer:\n"
    )
    draw(console, trace.pools[0], [figures[0] for figures in results.pools])
    for line in summary(results.rows):
        console.print(line)
    return 0


def replay(trace: Trace) -> Results:
    """Every policy on every developer's requests."""
    setting = Setting(budget_seconds=BUDGET_SECONDS)
    policies = tuple(parse_policy(name) for name in POLICIES)
    start_times = parse_start_times(f"constant:{START_SECONDS}")
    return compare(Comparison((trace,), policies, setting, start_times, {}))


def draw(console: Console, pool: PoolTrace, figures: Sequence[PoolFigures]) -> None:
    """Requests, and when each policy paid for a replica, drawn from left to right; at once if not on a
    terminal.
    """
    bins = max(20, min(console.width, 120) - LABEL_WIDTH - 2)
    begin = busiest_begin(pool)
    end = begin + SHOWN_SECONDS
    counts = requests_per_bin(pool.arrivals, begin, end, bins)
    paid = [replicas_per_bin(each.outcome.replicas_over_time, begin, end, bins) for each in figures]
    if not console.is_terminal:
        console.print(strips(counts, paid, bins))
        return
    with Live(console=console, refresh_per_second=20) as live:
        for shown in range(0, bins + 1, 2):
            live.update(strips(counts, paid, shown))
            time.sleep(2 * DRAWING_SECONDS / bins)
        live.update(strips(counts, paid, bins))


def busiest_begin(pool: PoolTrace) -> float:
    """The beginning of the twelve hours in which the most hours had a request."""
    hours = sorted({int(arrival // 3600) for arrival in pool.arrivals})
    best = max(hours, key=lambda first: sum(first <= hour < first + SHOWN_SECONDS / 3600 for hour in hours))
    return best * 3600.0


def strips(counts: Sequence[int], paid: Sequence[Sequence[float]], shown: int) -> Group:
    """One line for the requests and one for each policy, up to bin `shown`."""
    most = max(*counts, 1)
    bars = "".join(HEIGHTS[-(-count * (len(HEIGHTS) - 1) // most)] for count in counts[:shown])
    lines = [Text.assemble((f"{'requests':<{LABEL_WIDTH}}", "dim"), (bars, "yellow"))]
    for name, shares in zip(POLICIES, paid, strict=True):
        style = "bold green" if name == "poolkeeper" else "cyan"
        bar = "".join(
            HEIGHTS[min(len(HEIGHTS) - 1, round(share * (len(HEIGHTS) - 1)))] for share in shares[:shown]
        )
        lines.append(
            Text.assemble((f"{name:<{LABEL_WIDTH}}", "bold" if name == "poolkeeper" else ""), (bar, style))
        )
    return Group(*lines)


def summary(rows: Sequence[Row]) -> list[str]:
    """What each policy cost, and the share of requests that were taken within the budget."""
    always_on = rows[-1].accelerator_hours
    lines = [""]
    for row in rows:
        share = 100 * row.accelerator_hours / always_on
        kept = 100 - row.late_percent
        lines.append(
            f"{row.policy:<{LABEL_WIDTH}}{row.accelerator_hours:8.1f} accelerator-hours ({share:.0f} %), "
            f"{kept:.2f} % taken within {BUDGET_SECONDS:.0f} s"
        )
    optimum = rows[0].optimum_hours
    lines.append(f"{'optimum':<{LABEL_WIDTH}}{optimum:8.1f} with all arrivals known beforehand")
    return lines


if __name__ == "__main__":
    sys.exit(main())
