"""Wall time of `poolkeeper backtest` for a day of Azure functions' applications.

    python -m hack.bench policy.azure_day FILE

FILE holds the applications as JSON lines with the containers of each minute. Poolkeeper, KEDA and the optimum
are replayed on it. Seconds of a busy machine say little, so the processor's are printed beside them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

AIM_SECONDS = 30.0
POLICIES = ("poolkeeper", "keda", "optimum")
PROCESSES = 2


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Replays and prints; returns whether the aim was missed."""
    parser.add_argument("trace", type=Path, help="the applications of a day")
    trace = parser.parse_args(arguments).trace
    with tempfile.TemporaryDirectory(prefix="poolkeeper-azure-day-") as folder:
        results = Path(folder) / "results.json"
        began = time.monotonic()
        subprocess.run(command(trace, results), check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - began
        rows = json.loads(results.read_text())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    is_met = seconds <= AIM_SECONDS
    print(
        f"{rows[0]['requests']:,} requests of {rows[0]['pools']} pools under {', '.join(POLICIES)}: "
        f"{seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of a core in {PROCESSES} processes "
        f"(load average {os.getloadavg()[0]:.1f}); at most {AIM_SECONDS:.0f} s: "
        f"{'met' if is_met else 'missed'}"
    )
    return 0 if is_met else 1


def command(trace: Path, results: Path) -> list[str]:
    """The command line, with starts and a budget as in the tables of docs/policy-results.md."""
    words = ["--trace", str(trace), "--start-time", "constant:90", "--budget", "120", "--json", str(results)]
    for policy in POLICIES:
        words += ["--policy", policy]
    return [sys.executable, "-m", "poolkeeper", "backtest", *words, "--processes", str(PROCESSES)]
