"""Time from a ready replica to its first held request, and until warm requests bypass the activators.

    python -m hack.bench http.reaction [--releases 120] [--pools 12] [--rounds 3]

The processes are those of http.faults, without faults. A cold release takes from the model server's first
successful answer to a probe until the first byte of a held request reaches it; the model server notes both.
The part until the API server knows that the pod is ready is shown apart, since this program stands in for
the kubelet. After a release, clients with kept connections send requests without a pause, and each answer
says whether it came through an activator.
"""

import argparse
import asyncio
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import uvloop

from hack.bench.http.scene.clients import ANSWERED, Attempt, Client
from hack.bench.http.scene.network import is_inside, run_inside
from hack.bench.http.scene.pools import MODEL_PORT, HttpWorld, world

AIM_MILLISECONDS = 50.0
AIM_SECONDS = 5
LOAD_SECONDS = 0.3
DOWN_SECONDS = 60.0
KEEPERS = 30
PAUSE_SECONDS = 0.05
WATCHED_SECONDS = 9


@dataclass(frozen=True, slots=True)
class Release:
    """One cold release, in milliseconds; `kubelet` is the part until the API server knew of the readiness."""

    total: float
    kubelet: float


async def all_gone(stage: HttpWorld, pool: str) -> None:
    """Returns once a pool is at zero and no pod of it is an endpoint any more."""
    await stage.wait_for_replicas(pool, 0, DOWN_SECONDS)
    while any(pod.is_alive for pod in stage.replicas[pool].ever):  # noqa: ASYNC110
        await asyncio.sleep(0.05)


async def release_often(stage: HttpWorld, pool: str, times: int, chance: random.Random) -> list[Release]:
    """Cold releases of one pool, one after the other, not in step with those of others."""
    found = []
    await asyncio.sleep(chance.uniform(0, 5))
    for number in range(times):
        await all_gone(stage, pool)
        client = Client(stage.nodes[0], pool, MODEL_PORT, keeps=False)
        attempt = await client.ask(number)
        if attempt.outcome != ANSWERED or not attempt.through_activator:
            raise RuntimeError(f"no cold release: {attempt}")
        pod = stage.replicas[pool].ever[-1]
        lines = [line.split() for line in stage.record_of(pod).read_text().splitlines()]
        at = {kind: float(value) for kind, value in lines if kind != "executed"}
        answered, known = pod.ready_patched[0]
        found.append(Release(1000 * (at["received"] - at["probed"]), 1000 * (known - answered)))
        await asyncio.sleep(1)
    return found


async def follow_share(stage: HttpWorld, pool: str) -> Counter[tuple[int, bool]]:
    """Answers by full seconds since the first one, and by whether they came through an activator."""
    await all_gone(stage, pool)
    released = asyncio.Event()
    attempts: list[Attempt] = []

    async def keep_asking(number: int) -> None:
        client = Client(stage.nodes[number % len(stage.nodes)], pool, MODEL_PORT, keeps=True)
        while True:
            attempts.append(await client.ask(number))
            released.set()
            await asyncio.sleep(PAUSE_SECONDS)

    asking = [asyncio.create_task(keep_asking(number)) for number in range(KEEPERS)]
    await released.wait()
    await asyncio.sleep(WATCHED_SECONDS)
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    failed = [attempt for attempt in attempts if attempt.outcome != ANSWERED]
    if failed:
        raise RuntimeError(f"{len(failed)} requests failed: {failed[0]}")
    began = min(attempt.ended for attempt in attempts)
    return Counter((int(attempt.ended - began), attempt.through_activator) for attempt in attempts)


async def bench(arguments: argparse.Namespace) -> bool:
    """Both measurements; whether both aims were met."""
    chance = random.Random(arguments.seed)
    pools = [f"chat-{number}" for number in range(arguments.pools)]
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), activators=2, load_seconds=LOAD_SECONDS) as stage:
            for pool in pools:
                await stage.create_pool(pool, concurrency=8)
            for pool in pools:
                await stage.wait_for_activators(pool, 2)
            times = -(-arguments.releases // len(pools))
            rounds = [release_often(stage, pool, times, chance) for pool in pools]
            releases = [each for found in await asyncio.gather(*rounds) for each in found]
            is_quick = report_releases(releases)
            shares: Counter[tuple[int, bool]] = Counter()
            for _ in range(arguments.rounds):
                shares += await follow_share(stage, pools[0])
            return report_share(shares, arguments.rounds) and is_quick


def report_releases(releases: Sequence[Release]) -> bool:
    """Print percentiles; whether the aim was met."""
    cuts = quantiles([each.total for each in releases], n=100, method="inclusive")
    kubelet = quantiles([each.kubelet for each in releases], n=100, method="inclusive")
    own = quantiles([each.total - each.kubelet for each in releases], n=100, method="inclusive")
    print(f"{len(releases)} cold releases, from the first successful probe to the first held byte forwarded:")
    print(
        f"  p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, max {max(each.total for each in releases):.1f} ms"
    )
    print(f"  of it until the API server knew: p50 {kubelet[49]:.1f} ms, p99 {kubelet[98]:.1f} ms")
    print(f"  of it from then on: p50 {own[49]:.1f} ms, p99 {own[98]:.1f} ms")
    is_met = cuts[98] <= AIM_MILLISECONDS
    print(f"aim, p99 within {AIM_MILLISECONDS:g} ms: {'met' if is_met else 'MISSED'}")
    return is_met


def report_share(answers: Counter[tuple[int, bool]], rounds: int) -> bool:
    """Print the share by second; whether the aim was met."""
    print(
        f"warm requests of {KEEPERS} clients with kept connections, {rounds} times, by seconds since release:"
    )
    late = 0
    for second in range(WATCHED_SECONDS):
        through, past = answers[second, True], answers[second, False]
        late += through if second >= AIM_SECONDS else 0
        share = through / (through + past) if through + past else 0.0
        print(f"  {second} s: {100 * share:5.1f} % of {through + past} through an activator")
    is_met = not late and bool(answers[AIM_SECONDS, False])
    print(f"aim, none through an activator after {AIM_SECONDS} s: {'met' if is_met else 'MISSED'}")
    return is_met


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Runs it; the exit status says whether both aims were met."""
    parser.add_argument("--releases", type=int, default=120)
    parser.add_argument("--pools", type=int, default=12)
    parser.add_argument(
        "--rounds", type=int, default=3, help="how often clients are followed after a release"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    if not is_inside():
        return run_inside("http.reaction", arguments)
    return 0 if uvloop.run(bench(args)) else 1
