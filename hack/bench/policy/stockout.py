"""A stock-out of the preferred class for an hour: late requests and cost, with fallbacks and without.

    python -m hack.bench policy.stockout [--seeds N] [--family TEXT …]

Simulated with injected time and fixed seeds by the product's own decisions. `late` is the share of late
requests with fallbacks to those without; `cost` is the ratio of dollars to those of a pool that knows at each
moment which classes have capacity.
"""

import argparse
from collections.abc import Sequence

from hack.bench.policy.measures.stockout import FAMILIES, Comparison, compared

MOST_LATE = 0.10
MOST_COST = 1.15


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="runs per family (default 3)")
    parser.add_argument("--family", nargs="+", default=[""], metavar="TEXT", help="a part of a name")
    options = parser.parse_args(arguments)
    late = without = 0
    dollars = ideal = 0.0
    for name, family in FAMILIES.items():
        if not any(text in name for text in options.family):
            continue
        for seed in range(options.seeds):
            found = compared(family, seed)
            late, without = late + found.with_fallbacks.late, without + found.without.late
            dollars, ideal = dollars + found.with_fallbacks.dollars, ideal + found.clairvoyant.dollars
            is_kept = found.late_share <= MOST_LATE and found.cost_ratio <= MOST_COST
            print(f"{'ok  ' if is_kept else 'MISS'} {name}, seed {seed}: {_line(found)}", flush=True)
    print(f"all: late {late / max(without, 1):.1%}, cost {dollars / ideal:.3f}")
    return 0 if late <= MOST_LATE * without and dollars <= MOST_COST * ideal else 1


def _line(found: Comparison) -> str:
    ours, without, ideal = found
    return (
        f"late {found.late_share:.1%} ({ours.late} of {without.late}; clairvoyant {ideal.late}; "
        f"{ours.requests} requests), cost {found.cost_ratio:.3f} (${ours.dollars:.2f}), "
        f"{ours.switches} raises, {ours.asked_in_vain} asked in vain, {ours.killed} cut off"
    )
