"""Replays generated families of traces: late requests and hours, with starts at the deadline and at once.

    python -m hack.bench policy.families [--family F …] [--seeds N] [--objective P …] [--start TEXT …]

A quick look at what `policy.bars --bar promise` measures with five seeds.
"""

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence

from hack.bench.policy.measures.families import FAMILIES, seed_of
from hack.bench.policy.measures.finding import STARTS
from hack.bench.policy.measures.promise import OBJECTIVES, Kept, held
from hack.bench.policy.measures.runs import Runs


def looks(
    families: Iterable[str], seeds: int, starts: Iterable[str], objectives: Sequence[float], processes: int
) -> Iterator[tuple[str, str, Kept]]:
    """Family, name of the start times, and what was found."""
    for family in families:
        with Runs(FAMILIES[family].trace(family, seeds), processes) as runs:
            for name in starts:
                for kept in held(runs, STARTS[name], FAMILIES[family].setting(), objectives, seed_of):
                    yield family, name, kept


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.add_argument("--family", action="append", choices=list(FAMILIES), help="repeatable (default all)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="traces per family (default 1)")
    parser.add_argument("--objective", type=float, nargs="+", default=[99.5], metavar="PERCENT",
                        help=f"default 99.5; the bar has {', '.join(map(str, OBJECTIVES))}")  # fmt: skip
    parser.add_argument("--start", nargs="+", default=[""], metavar="TEXT",
                        help=f"a part of a name (default all of them): {', '.join(STARTS)}")  # fmt: skip
    parser.add_argument("--processes", type=int, default=1, metavar="N")
    options = parser.parse_args(arguments)
    starts = [name for name in STARTS if any(text in name for text in options.start)]
    if not starts:
        parser.error(f"no start times have {' or '.join(options.start)} in their name")
    chosen = options.family or FAMILIES
    began = time.monotonic()
    for family, name, kept in looks(chosen, options.seeds, starts, options.objective, options.processes):
        found = kept.finding
        print(f"{found.mark} {family}  {name}: {found.subject}: {found.measured}", flush=True)
    print(f"{time.monotonic() - began:.0f} s")
    return 0
