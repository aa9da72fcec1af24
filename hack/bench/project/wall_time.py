"""Wall time of `make demo` and `make test` from a fresh clone, with empty and with warm caches.

    python -m hack.bench project.wall_time [demo] [test]

The clone and all caches (pip, Go, ours) live in one temporary folder, which is removed at the end together
with the clusters in it. A cluster that runs on the same local ports must be down: `hack/cluster down --all`.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LIMIT_SECONDS = 5_400


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Runs each command cold and warm, and prints seconds and their ratio."""
    parser.add_argument("targets", nargs="*", default=["demo", "test"], help="make targets (demo test)")
    targets = parser.parse_args(arguments).targets
    with tempfile.TemporaryDirectory(prefix="poolkeeper-wall-time-") as folder:
        home = Path(folder) / "home"
        clone = Path(folder) / "clone"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        try:
            cold = {target: seconds(target, clone, home) for target in targets}
            warm = {target: seconds(target, clone, home) for target in targets}
        finally:
            subprocess.run(["hack/cluster", "down", "--all"], cwd=clone, env=environment(home), check=False)
    for target in targets:
        ratio = cold[target] / warm[target]
        print(f"make {target}: cold {cold[target]:.0f} s, warm {warm[target]:.0f} s, cold/warm {ratio:.1f}")
    return 0


def seconds(target: str, clone: Path, home: Path) -> float:
    """How long `make TARGET` takes; raises CalledProcessError if it fails."""
    began = time.monotonic()
    subprocess.run(["make", target], cwd=clone, env=environment(home), check=True, timeout=LIMIT_SECONDS)
    return time.monotonic() - began


def environment(home: Path) -> dict[str, str]:
    """This process's environment with a home of its own, so that no cache is found."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "GO", "POOLKEEPER"))
    }
    return {**kept, "HOME": str(home)}
