"""Time of a cold request on a kind cluster, beside the same start made by hand.

    python -m hack.bench http.cold_request [--rounds 20] [--name poolkeeper-bench] [--keep]

The cluster has Poolkeeper and two copies of a model that takes no time to load. Both are started in turns,
each from zero:

- by hand: `kubectl scale --replicas=1` of the copy without a pool, from the start of kubectl until the first
  answer of its Service, which is asked every 20 ms from within the cluster. This is the floor.
- by a request: one request to the copy whose pool is at zero, until the first byte of its answer.

A watch on the Deployments and the pods separates the parts of a start. A held request goes directly to the
pod, while a Service takes a moment longer to lead to it: after the pod is ready, a start by hand is
therefore counted until the pod is ready and not until its Service answers. The cluster is removed at the
end.
"""

import argparse
import asyncio
import subprocess
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from statistics import quantiles

from hack.bench.http.scene.kind_model import BARE, POOLED, KindWorld, Marks, world
from hack.demo.commands import ROOT, kind_cluster

AIM_SECONDS = 1.0
IMAGES = ("operator", "simulated-llm")


@dataclass(frozen=True, slots=True)
class Start:
    """One start from zero, in seconds, by its parts; each ends when this machine saw it."""

    until_scaled: float
    until_created: float
    until_running: float
    until_ready: float
    until_answered: float

    @classmethod
    def of(cls, began: float, marks: Marks, answered: float) -> "Start":
        """The parts between these instants. The watch may report an event later than it happened."""
        instants = [began, marks.scaled, marks.created, marks.running, marks.ready, answered]
        return cls(*(later - earlier for earlier, later in pairwise(instants)))

    @property
    def total(self) -> float:
        """From the beginning to the answer."""
        return float(sum(astuple(self)))

    @property
    def ready(self) -> float:
        """From the beginning until the pod is ready."""
        return self.total - self.until_answered


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the 99th percentile."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        """Of at least two measurements."""
        cuts = quantiles(seconds, n=100, method="inclusive")
        return cls(cuts[49], cuts[98])

    def __str__(self) -> str:
        return f"p50 {self.p50:6.3f} s  p99 {self.p99:6.3f} s"


async def start_by_hand(stage: KindWorld) -> Start:
    """One start by hand."""
    await stage.until_gone(BARE)
    answer = asyncio.create_task(stage.ask(BARE, how="until"))
    await asyncio.sleep(0.2)
    began = await stage.scale(BARE, 1)
    answered = (await answer)["answered"]
    marks = await stage.until_seen(BARE)
    await stage.scale(BARE, 0)
    await stage.until_gone(BARE)
    return Start.of(began, marks, answered)


async def start_by_request(stage: KindWorld) -> Start:
    """One start by a request."""
    await stage.until_gone(POOLED)
    answer = await stage.ask(POOLED, how="once")
    if answer["held"] is None:
        raise RuntimeError("the request was not held")
    marks = await stage.until_seen(POOLED)
    start = Start.of(answer["began"], marks, answer["answered"])
    await stage.until_gone(POOLED)
    return start


async def bench(cluster_name: str, rounds: int) -> bool:
    """Both in turns; whether the aim was met. The first of each only warms up."""
    async with world(kind_cluster(cluster_name)) as stage:
        floors, colds = [], []
        for number in range(rounds + 1):
            floor, cold = await start_by_hand(stage), await start_by_request(stage)
            if number:
                floors.append(floor)
                colds.append(cold)
                print(f"  {number}: by hand {floor.total:.3f} s, by request {cold.total:.3f} s", flush=True)
    return report(floors, colds)


PARTS = {
    "until_scaled": ("kubectl until the Deployment is scaled", "request until the Deployment is scaled"),
    "until_created": ("until there is a pod", "until there is a pod"),
    "until_running": ("until its container runs", "until its container runs"),
    "until_ready": ("until it is ready", "until it is ready"),
    "until_answered": ("until the Service answers", "until the held request is answered"),
}


def report(floors: Sequence[Start], colds: Sequence[Start]) -> bool:
    """Print the spread of both and of their parts; whether the aim was met."""
    floor = Spread.of([each.total for each in floors])
    cold = Spread.of([each.total for each in colds])
    print(f"{len(floors)} starts by hand      {floor}")
    for part, (what, _) in PARTS.items():
        print(f"  {what:<42} {Spread.of([getattr(each, part) for each in floors])}")
    print(f"{len(colds)} cold requests       {cold}")
    for part, (_, what) in PARTS.items():
        print(f"  {what:<42} {Spread.of([getattr(each, part) for each in colds])}")
    ready = Spread.of([each.ready for each in floors])
    print(f"over a pod by hand     p50 {cold.p50 - ready.p50:6.3f} s  p99 {cold.p99 - ready.p99:6.3f} s")
    over = Spread(cold.p50 - floor.p50, cold.p99 - floor.p99)
    print(f"over the floor         {over}")
    print(f"times the floor        p50 {cold.p50 / floor.p50:6.2f}    p99 {cold.p99 / floor.p99:6.2f}")
    is_met = max(over.p50, over.p99) <= AIM_SECONDS
    print(f"aim, p50 and p99 at most {AIM_SECONDS:g} s over the floor: {'met' if is_met else 'MISSED'}")
    return is_met


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Runs it; the exit status says whether the aim was met."""
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--name", default="poolkeeper-bench", help="the cluster's name")
    parser.add_argument("--keep", action="store_true", help="leave the cluster up")
    args = parser.parse_args(arguments)
    hack_cluster = str(ROOT / "hack" / "cluster")
    try:
        subprocess.run([hack_cluster, "up", "--name", args.name], check=True)
        subprocess.run([hack_cluster, "load", "--name", args.name, *IMAGES], check=True)
        return 0 if asyncio.run(bench(args.name, args.rounds)) else 1
    finally:
        if not args.keep:
            subprocess.run([hack_cluster, "down", "--name", args.name], check=True)
