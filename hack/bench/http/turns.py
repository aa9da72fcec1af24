"""Time that one turn of the front takes for many HTTP pools.

    python -m hack.bench http.turns [--pools 500 1000] [--turns 200]

A turn (`poolkeeper.core.front.turn`) looks at all pools at once. Here half of them have a ready replica, half
are at zero, and two activators report. In a quiet turn nothing has changed. In a busy one, an activator has
reported another number of held requests of one pool. Processor time is measured; what gathers the view of a
turn and what acts on it are left out.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from time import process_time

from poolkeeper.api.activation import PoolReport, Report, WaitingRequests
from poolkeeper.api.demand import Http
from poolkeeper.core.front.presence import Presence
from poolkeeper.core.front.seen import Seen, SeenActivator, SeenPod, SeenPool, SeenService
from poolkeeper.core.front.slices import by_name
from poolkeeper.core.front.turn import Front, turn
from poolkeeper.core.values.identity import PoolKey

ACTIVATORS = 2
TURNS_TO_SETTLE = 20
TURN_SECONDS = 0.05
BEGIN = 1_000_000.0


def pool(number: int) -> SeenPool:
    """Pools with an odd number have a ready replica, the others are at zero."""
    is_warm = bool(number % 2)
    return SeenPool(
        uid=f"uid-{number}",
        created_at="2026-01-01T00:00:00Z",
        http=Http(service=f"service-{number}", port=80),
        concurrency=8,
        hold_seconds=60,
        service=SeenService(families=("IPv4",), port_name="web", backend_port=8000),
        wants_zero=not is_warm,
        ready=(SeenPod(f"pod-{number}", f"10.1.{number // 250}.{number % 250}"),) if is_warm else (),
    )


class Scene:
    """Pools and activators that have settled."""

    def __init__(self, pools: int) -> None:
        self.now = BEGIN
        self.pools = {PoolKey("bench", f"pool-{number}"): pool(number) for number in range(pools)}
        self.reports = [
            {key: PoolReport(namespace=key.namespace, name=key.name, at_replicas={}) for key in self.pools}
        ]
        self.reports *= ACTIVATORS
        self.versions = dict.fromkeys(map(str, range(ACTIVATORS)), 0)
        self.front, self.seen = Front(), Seen(is_leading=True, pools=self.pools, slices={})
        for _ in range(TURNS_TO_SETTLE):
            self.turn(1.0)

    def activator(self, number: int) -> SeenActivator:
        """An activator that reports to use its latest table."""
        pools = self.reports[number]
        version = self.versions[str(number)]
        report = Report.model_construct(activator=f"{number}/1", table_version=version, pools=())
        return SeenActivator(uid=str(number), addresses=(f"10.9.0.{number}",), report=report, pools=pools)

    def turn(self, seconds: float = TURN_SECONDS) -> float:
        """One turn, `seconds` later; returns the processor time that it took."""
        self.now += seconds
        # As in the controller, each turn sees new values, also where they are equal.
        pools = {key: replace(each) for key, each in self.pools.items()}
        activators = tuple(self.activator(number) for number in range(ACTIVATORS))
        self.seen = replace(self.seen, pools=pools, activators=activators)
        began = process_time()
        made = turn(self.now, self.front, self.seen)
        spent = process_time() - began
        self.front = made.front
        self.versions |= {uid: table.table_version for uid, table in made.tables.items()}
        wanted = [each for each in made.endpoints.values() if each.presence is Presence.JOIN]
        self.seen = replace(self.seen, slices=by_name(each for one in wanted for each in one.slices))
        return spent

    def busy_turn(self, number: int) -> float:
        """A turn after the first activator has reported other held requests of one pool."""
        key = list(self.pools)[number % len(self.pools)]
        held = (WaitingRequests(age_seconds=1.0, requests=1 + number % 7),)
        self.reports[0] = self.reports[0] | {
            key: PoolReport(namespace=key.namespace, name=key.name, waiting=held, at_replicas={})
        }
        return self.turn()


def milliseconds(times: list[float]) -> float:
    """The middle one of some times in seconds."""
    return 1000 * sorted(times)[len(times) // 2]


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.add_argument("--pools", type=int, nargs="+", default=[500, 1000])
    parser.add_argument("--turns", type=int, default=200)
    options = parser.parse_args(arguments)
    for pools in options.pools:
        scene = Scene(pools)
        quiet = milliseconds([scene.turn() for _ in range(options.turns)])
        busy = milliseconds([scene.busy_turn(number) for number in range(options.turns)])
        for name, spent in (("quiet", quiet), ("busy", busy)):
            print(f"{pools} pools, {name}: {spent:.1f} ms per turn, {1000 * spent / pools:.0f} µs per pool")
    return 0
