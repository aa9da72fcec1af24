"""Activators of several checkouts and a plain aiohttp proxy in turns: CPU per request, latency, memory.

    git worktree add ../before COMMIT
    python -m hack.bench http.variants before=../before after=. [--rounds 5] [--rate 300] [--seconds 6]

Every round measures each variant once, and every second round in the other order, so that other work on the
machine disturbs all of them alike. Compare the CPU seconds of the front's process: they change least with the
machine's load. The table has the median of the rounds, and its ratio to the first variant.
"""

import argparse
import os
import resource
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import uvloop

from hack.bench.http.activator import at_rate, hold_and_release, serving
from hack.bench.http.scene.fronts import Front, activator, plain_proxy

AIOHTTP = "aiohttp"
Start = Callable[[Path, int], AbstractAsyncContextManager[Front]]
Figures = dict[str, dict[str, list[float]]]


async def measure(start: Start, options: argparse.Namespace) -> dict[str, float]:
    """One variant's figures of one round."""
    with tempfile.TemporaryDirectory() as name:
        async with serving(1, 0.0) as replicas, start(Path(name), replicas[0].port) as front:
            await front.route_to(10_000, replicas[0].address)
            await at_rate(front.port, front.process, options.rate, 1.0)
            warm = await at_rate(front.port, front.process, options.rate, options.seconds)
        async with serving(1, 0.0) as replicas, start(Path(name), replicas[0].port) as front:
            held = await hold_and_release(front, options.held, options.body_bytes, 64, replicas)
    cpu = warm.cpu_share / warm.achieved_rate
    return {
        "CPU ms/request": 1000 * cpu,
        "requests/s of one core": 1 / cpu,
        "p50 ms": warm.p50,
        "p99 ms": warm.p99,
        "failed": warm.failed + held.held - held.answered,
        "MiB held": held.full,
        "KiB/held request": 1024 * (held.full - held.before) / held.held,
        "MiB peak": held.peak,
    }


def variants(options: argparse.Namespace) -> dict[str, Start]:
    """How each variant is started, by its name."""
    starts: dict[str, Start] = {
        name: partial(activator, checkout=Path(path).resolve())
        for name, _, path in (each.partition("=") for each in options.variants)
    }
    if options.aiohttp:
        starts[AIOHTTP] = plain_proxy
    return starts


async def compare(starts: dict[str, Start], options: argparse.Namespace) -> None:
    """All rounds, then the table."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    for number in range(options.rounds):
        order = list(starts.items())
        for name, start in order if number % 2 else reversed(order):
            measured = await measure(start, options)
            print(
                f"round {number + 1}, {name}: {described(measured)}; load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
            for figure, value in measured.items():
                figures[figure][name].append(value)
    print_table(figures, list(starts))


def described(measured: dict[str, float]) -> str:
    """The figures of a round in one line."""
    return ", ".join(f"{figure} {value:.3g}" for figure, value in measured.items())


def print_table(figures: Figures, names: Sequence[str]) -> None:
    """Medians, as a Markdown table."""
    print(f"\n| median of the rounds | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for figure, by_name in figures.items():
        medians = [statistics.median(by_name[name]) for name in names]
        cells = [f"{value:.4g}" for value in medians]
        if medians[0]:
            ratios = [f" ({value / medians[0]:.2f})" for value in medians[1:]]
            cells = [cell + ratio for cell, ratio in zip(cells, ["", *ratios], strict=True)]
        print(f"| {figure} | {' | '.join(cells)} |")


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Runs it."""
    parser.add_argument("variants", nargs="+", help="NAME=CHECKOUT, for example before=../before")
    parser.add_argument("--aiohttp", action="store_true", help="a plain proxy of aiohttp as another variant")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=300, help="requests per second")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--held", type=int, default=10_000)
    parser.add_argument("--body-bytes", type=int, default=8192)
    options = parser.parse_args(arguments)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(compare(variants(options), options))
    return 0
