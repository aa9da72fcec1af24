"""Requests while a pool goes down and up and its parts are killed: none may be lost or executed twice.

    python -m hack.bench http.faults [--requests 100000] [--cycles 50] [--faults 2] [--seed 1] [--minutes 30]

One pool, its real controller, two real activators and model servers as processes, on a real API server with
Kubernetes' own endpoint slices. There are clients on three nodes, whose kube-proxies learn of endpoints at
once, after 0.3 s and after 1 s. The clients send numbered requests and repeat none: a burst while the pool
is at zero, a steady rate while it is warm, single requests while it goes down. Each cycle has some faults,
in an order and at instants that depend on the seed: an activator is rolled, a model pod is evicted, the
controller restarts (by SIGTERM or SIGKILL), controller and activator restart together, an activator or a
model pod is killed by SIGKILL.

Every request must be answered, unless a SIGKILL explains its failure, and no model server may execute a
request twice. The exit status says whether both held.
"""

import argparse
import asyncio
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import uvloop

from hack.bench.http.scene.clients import Attempt, Client
from hack.bench.http.scene.losses import Kill, Verdict, Victim, judge
from hack.bench.http.scene.network import is_inside, run_inside
from hack.bench.http.scene.pods import Pod
from hack.bench.http.scene.pools import MODEL_PORT, HttpWorld, world

POOL = "chat"
CONCURRENCY = 32
LOAD_SECONDS = 0.5
BURST_SHARE, STRAGGLER_SHARE = 0.15, 0.02
DOWN_SECONDS = 9.0
"""About how long the way down takes: stragglers come, and faults happen, within it."""
LONGEST_DOWN_SECONDS = 90.0
READY_SECONDS = 40.0
STREAM_EVERY = 50
STRAGGLERS_COME_LATE = 0.4
"""In this share of cycles they come at a random instant of the way down, else with the last requests."""


class Faults:
    """What may go wrong; `kills` are the SIGKILLs so far, `done` counts all."""

    def __init__(self, stage: HttpWorld, chance: random.Random) -> None:
        self.kills: list[Kill] = []
        self.done: Counter[str] = Counter()
        self._world = stage
        self._chance = chance
        self._deck: list[Callable[[], Awaitable[None]]] = []
        self._begun: set[asyncio.Task[None]] = set()
        self._controller = asyncio.Lock()
        self._activators = asyncio.Lock()

    def begin(self, after_seconds: float) -> None:
        """Begin the next fault after a while; every kind comes once before any comes again.

        A fault that needs a model pod and finds none waits for the next pod, perhaps until the next cycle.
        """
        if not self._deck:
            self._deck = [
                self.roll_activator,
                self.evict_model,
                self.restart_controller,
                self.restart_both,
                self.kill_activator,
                self.kill_model,
            ]
            self._chance.shuffle(self._deck)
        self._begun.add(asyncio.create_task(self._after(after_seconds, self._deck.pop())))

    @property
    def are_due(self) -> bool:
        """Whether any that was begun is not over."""
        return bool(self._begun)

    def check(self) -> None:
        """Raise what a fault has raised, for example since an activator did not come up again."""
        for task in [each for each in self._begun if each.done()]:
            self._begun.discard(task)
            task.result()

    async def end(self) -> None:
        """Begin no fault any more."""
        for task in self._begun:
            task.cancel()
        await asyncio.gather(*self._begun, return_exceptions=True)

    async def roll_activator(self) -> None:
        """As a Deployment does: another one first, then SIGTERM."""
        async with self._activators:
            await self._ready(self._world.add_activator())
            await self._staying()[0].terminate()
        self.done["activator rolled"] += 1

    async def restart_controller(self) -> None:
        """Gently or not."""
        async with self._controller:
            number = self._chance.choice((signal.SIGTERM, signal.SIGKILL))
            await asyncio.to_thread(self._world.operator.stop, number)
            await self._world.start_operator()
        self.done[f"controller restarted ({number.name})"] += 1

    async def restart_both(self) -> None:
        """The controller, and one activator that goes before its successor is ready."""
        async with self._activators:
            leaving = self._staying()[0]
            added = self._world.add_activator()
            await asyncio.gather(self.restart_controller(), leaving.terminate())
            await self._ready(added)
        self.done["with it an activator"] += 1

    async def kill_activator(self) -> None:
        """SIGKILL; its kubelet starts it again in the same pod."""
        async with self._activators:
            victim = self._chance.choice([pod for pod in self._staying() if pod.is_alive])
            self._kill(victim, Victim.ACTIVATOR)
            victim.became_ready.clear()
            await self._ready(victim)

    async def evict_model(self) -> None:
        """SIGTERM after its preStop sleep; its ReplicaSet makes another one."""
        self._world.replicas[POOL].evict(await self._some_model())
        self.done["model pod evicted"] += 1

    async def kill_model(self) -> None:
        """SIGKILL; its kubelet starts it again in the same pod."""
        self._kill(await self._some_model(), Victim.MODEL)

    @staticmethod
    async def _after(seconds: float, fault: Callable[[], Awaitable[None]]) -> None:
        await asyncio.sleep(seconds)
        await fault()

    def _kill(self, pod: Pod, victim: Victim) -> None:
        self.kills.append(Kill(victim, pod.address, pod.kill()))
        self.done[f"{victim} killed"] += 1

    async def _some_model(self) -> Pod:
        """A running one; where none runs, the next one to come."""
        while True:
            found = [pod for pod in self._world.replicas[POOL].pods if pod.is_alive]
            if found:
                return self._chance.choice(found)
            await asyncio.sleep(0.05)

    def _staying(self) -> list[Pod]:
        return [pod for pod in self._world.activators if not pod.is_terminating]

    @staticmethod
    async def _ready(pod: Pod) -> None:
        async with asyncio.timeout(READY_SECONDS):
            await pod.became_ready.wait()


class Load:
    """Numbered requests from all nodes; `attempts` are those that have ended."""

    def __init__(self, stage: HttpWorld, chance: random.Random, rate: float) -> None:
        self.attempts: list[Attempt] = []
        self._chance = chance
        self.rate = rate
        self._sent = 0
        self._running: set[asyncio.Task[None]] = set()
        # A kept connection does not notice new endpoints: some clients have them, most do not.
        self._clients = [
            Client(node, POOL, MODEL_PORT, keeps=keeps)
            for node in stage.nodes
            for keeps in (False, False, True)
        ]

    def send(self, requests: int) -> None:
        """Send at once."""
        for _ in range(requests):
            self._sent += 1
            task = asyncio.get_running_loop().create_task(self._one(self._sent))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def steadily(self, requests: int) -> None:
        """Send at fixed instants, whatever the answers do."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in range(requests):
            if (ahead := began + number / self.rate - loop.time()) > 0:
                await asyncio.sleep(ahead)
            self.send(1)

    async def finish(self) -> None:
        """Wait for every answer."""
        while self._running:
            await asyncio.wait(self._running)

    async def _one(self, number: int) -> None:
        path = "/stream" if number % STREAM_EVERY == 0 else "/v1/completions"
        self.attempts.append(await self._chance.choice(self._clients).ask(number, path=path))


async def cycle(
    stage: HttpWorld, load: Load, faults: Faults, requests: int, faults_per_cycle: int, chance: random.Random
) -> None:
    """From zero up and back to zero, with one fault under load and the others on the way down."""
    burst, stragglers = int(requests * BURST_SHARE), int(requests * STRAGGLER_SHARE)
    warm = requests - burst - stragglers
    load.send(burst)
    faults.begin(chance.uniform(0, 1 + warm / load.rate))
    await load.steadily(warm)
    for _ in range(faults_per_cycle - 1):
        faults.begin(chance.uniform(0, DOWN_SECONDS))
    if chance.random() < STRAGGLERS_COME_LATE:
        await asyncio.sleep(chance.uniform(0, DOWN_SECONDS))
    load.send(stragglers)
    await load.finish()
    faults.check()
    await stage.wait_for_replicas(POOL, 0, LONGEST_DOWN_SECONDS)


async def bench(arguments: argparse.Namespace) -> bool:
    """All cycles; whether the aim was met. What does not end in time misses it."""
    chance = random.Random(arguments.seed)
    random.seed(arguments.seed)
    began, cycles_done = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder), activators=2, load_seconds=LOAD_SECONDS) as stage:
            await stage.create_pool(POOL, CONCURRENCY)
            await stage.wait_for_activators(POOL, 2)
            faults, load = Faults(stage, chance), Load(stage, chance, arguments.rate)
            share, more = divmod(arguments.requests, arguments.cycles)
            try:
                async with asyncio.timeout(60 * arguments.minutes):
                    for number in range(arguments.cycles):
                        requests = share + (number < more)
                        await cycle(stage, load, faults, requests, arguments.faults, chance)
                        cycles_done += 1
                        if cycles_done % 5 == 0:
                            print(f"  {cycles_done} cycles, {len(load.attempts)} requests", flush=True)
                    while faults.are_due:  # one that waits for a model pod gets one
                        load.send(1)
                        await load.finish()
                        await asyncio.sleep(0.5)
                        faults.check()
            except TimeoutError:
                state = await stage.describe(POOL)
                print(f"not done in time: {cycles_done} of {arguments.cycles} cycles; {state}")
            await faults.end()
            verdict = judge(load.attempts, faults.kills, stage.executed())
            print(f"{cycles_done} cycles in {time.monotonic() - began:.0f} s")
            report(verdict, faults)
            if lags := stage.endpoint_lags_seconds():
                print(f"from a pod's deletion to the slowest node's endpoints: {spread(lags)}")
            is_met = verdict.is_met and cycles_done == arguments.cycles
            if arguments.keep_logs and not is_met:
                keep(Path(folder), arguments.keep_logs)
    return is_met


def spread(lags_seconds: Sequence[float]) -> str:
    """Half and the longest of sorted durations."""
    return f"p50 {lags_seconds[len(lags_seconds) // 2]:.2f} s, longest {lags_seconds[-1]:.2f} s"


def keep(folder: Path, where: Path) -> None:
    """Copy all logs."""
    where.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        (where / log.name).write_bytes(log.read_bytes())


def report(verdict: Verdict, faults: Faults) -> None:
    """Print all counts."""
    print(f"{verdict.requests} requests, {verdict.through_activators} of them through activators")
    print("  " + ", ".join(f"{what}: {times}" for what, times in sorted(faults.done.items())))
    print(f"answered: {verdict.answered}")
    for (victim, outcome), times in sorted(verdict.explained.items()):
        print(f"failed by a SIGKILL of {victim}: {times} ({outcome})")
    print(f"executed twice: {len(verdict.twice)} {verdict.twice[:10] or ''}")
    print(f"answered without being executed: {len(verdict.never)} {verdict.never[:10] or ''}")
    print(f"lost: {len(verdict.lost)}")
    for attempt in verdict.lost[:10]:
        nearest = min(faults.kills, key=lambda kill: abs(kill.at - attempt.ended), default=None)
        apart = f"{attempt.ended - nearest.at:+.1f} s from {nearest}" if nearest else "no kill"
        print(f"  {attempt} ({apart})")


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Runs it; the exit status says whether the aim was met."""
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--faults", type=int, default=2, help="faults in each cycle")
    parser.add_argument("--rate", type=float, default=600, help="requests per second while warm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=30, help="longest that all cycles may take")
    parser.add_argument("--keep-logs", type=Path, help="folder for all logs if the aim is missed")
    args = parser.parse_args(arguments)
    if not is_inside():
        return run_inside("http.faults", arguments)
    is_met = uvloop.run(bench(args))
    print(f"aim, none lost but by a SIGKILL and none executed twice: {'met' if is_met else 'MISSED'}")
    return 0 if is_met else 1
