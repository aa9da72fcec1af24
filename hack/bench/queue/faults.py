"""100,000 jobs under faults: none may be lost by a scale-down, and few replica-seconds may be surplus.

    python -m hack.bench queue.faults [--jobs 100000] [--minutes 15] [--seed 1] [--fault "late probe" ...]

Pools whose workers take jobs by BRPOP, by BLMOVE with a processing list and from a stream, with short, medium
and long jobs in bursts, at a steady rate and after silence. Each episode has one kind of fault: late, missing
or flapping readiness probes; killed operators (a standby takes over, the next one goes on from the saved
status); lost nodes; `kubectl scale` by hand; a tool that applies `replicas: 1` again and again. With the last
four, each pool's probes are perfect, late, missing or flapping by chance.

Real is the controller from the sources' questions to the writes: polls, ledger, learning, decisions, starts,
lease, status. Simulated, in virtual time, are Redis and the API server in memory, the ReplicaSet with its
order of removal, kubelets, probes and workers. Watches and requests take some milliseconds. Scheduling is
not simulated: there is always a node.

Lost by a scale-down is a job whose worker was removed because the operator had lowered the replicas, and
ended before the job did. Two kinds are counted apart, since no reader of a queue can know of them. The worker
took a `too late` job after the last reading before that write was sent. An `unseen` job was never shown by a
plain list: a BRPOP worker that waits gets it at once. After two stops that hit such work, a pool must have
noticed.

The reference of an episode has the same arrivals and the same writes of others, perfect probes, and nothing
is killed.

The aim, which the exit status tells: no job lost by a scale-down, none left over, at most two stops of a pool
that hit unseen work, at most 1.3 times the replica-seconds of the references, and no look that failed.
"""

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count

from hack.bench.queue.scene.arrivals import PROFILES
from hack.bench.queue.scene.episode import Fault, Outcome, Plan, jobs_of, play
from hack.bench.queue.scene.tally import Cut, Tally
from hack.bench.queue.scene.wires import WIRES, WireKind

MOST_SURPLUS = 1.3
MOST_BLIND_STOPS = 2
SHOWN = 10
FAULTS = tuple(fault for fault in Fault if fault is not Fault.NONE)
COLUMNS = (
    f"{'wire':7}{'fault':17}{'jobs':>7}{'done':>7}{'by scale-down':>14}{'unseen':>7}{'too late':>9}"
    f"{'by others':>10}{'killed':>7}{'twice':>6}{'late':>6}{'asked for':>10}{'replica-s':>10}{'ratio':>6}"
)

Outcomes = Mapping[Plan, Outcome]


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Plays all episodes and prints; the exit status says whether the aim was met."""
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=15.0, help="virtual minutes of arrivals per episode")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault", action="append", choices=[*map(str, FAULTS)], help="only this kind")
    args = parser.parse_args(arguments)
    faults = [Fault(each) for each in args.fault or FAULTS]
    plans = list(_plans(faults, args.jobs, 60 * args.minutes, args.seed))
    begun_at = time.monotonic()
    outcomes = _played({*plans, *(plan.reference for plan in plans)})
    seeds = sorted({plan.seed for plan in plans})
    print(f"{len(outcomes)} episodes, seeds {seeds[0]} to {seeds[-1]}, {time.monotonic() - begun_at:.0f} s")
    return 0 if report(plans, outcomes) else 1


def report(plans: Sequence[Plan], outcomes: Outcomes) -> bool:
    """Print the table and what is wrong; whether the aim was met."""
    print(COLUMNS)
    for kind in WIRES:
        for fault in dict.fromkeys(plan.fault for plan in plans):
            _print_row(str(kind), str(fault), *_of(outcomes, [p for p in plans if p.fault is fault], kind))
    mine, references = _of(outcomes, plans)
    _print_row("all", "", mine, references)
    lost = [line for tally in (*mine, *references) for line in tally.cut_by_scale_down]
    for line in lost[:: max(1, len(lost) // SHOWN)]:
        print(f"  lost by a scale-down: {line}")
    problems = [*_problems(mine, references), *_bugs(outcomes)]
    for problem in problems:
        print(problem)
    print(f"aim, no job lost by a scale-down and at most {MOST_SURPLUS} × the replica-seconds:", end=" ")
    print("MISSED" if problems else "met")
    return not problems


def _plans(faults: Sequence[Fault], jobs: int, seconds: float, first_seed: int) -> Iterator[Plan]:
    """Every fault with one seed after the other, until there are enough jobs."""
    planned = 0
    for seed in count(first_seed):
        for fault in faults:
            yield Plan(fault, seed, seconds)
        planned += len(faults) * jobs_of(seed, seconds)
        if planned >= jobs:
            return


def _played(plans: set[Plan]) -> dict[Plan, Outcome]:
    """Each in a process of its own kind: with the same order of sets, so that a seed repeats itself."""
    os.environ["PYTHONHASHSEED"] = "0"
    ordered = sorted(plans, key=lambda plan: (plan.seed, plan.fault, plan.is_reference))
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as processes:
        return dict(zip(ordered, processes.map(play, ordered), strict=True))


def _of(
    outcomes: Outcomes, plans: Sequence[Plan], wire: WireKind | None = None
) -> tuple[list[Tally], list[Tally]]:
    """The accounts of these plans and those of their references, pool by pool."""
    keys = [(kind, profile.name) for kind in WIRES for profile in PROFILES if wire in (None, kind)]
    mine = [outcomes[plan].tallies[key] for plan in plans for key in keys]
    return mine, [outcomes[plan.reference].tallies[key] for plan in plans for key in keys]


def _print_row(wire: str, fault: str, mine: Sequence[Tally], references: Sequence[Tally]) -> None:
    cut = {why: sum(tally.cut[why] for tally in mine) for why in Cut}
    print(
        f"{wire:7}{fault:17}{sum(each.jobs for each in mine):7}{sum(len(each.done) for each in mine):7}"
        f"{cut[Cut.SCALE_DOWN]:14}{cut[Cut.UNSEEN]:7}{cut[Cut.TOO_LATE]:9}{cut[Cut.OTHERS]:10}{cut[Cut.KILLED]:7}"
        f"{sum(each.twice for each in mine):6}{sum(each.late for each in mine):6}"
        f"{sum(each.scale_ups for each in mine):10}{_seconds(mine):10.0f}"
        f"{_seconds(mine) / _seconds(references):6.2f}"
    )


def _problems(mine: Sequence[Tally], references: Sequence[Tally]) -> Iterator[str]:
    if lost := sum(tally.cut[Cut.SCALE_DOWN] for tally in (*mine, *references)):
        yield f"lost by a scale-down: {lost} jobs (references included)"
    if (stops := max(len(tally.blind_stops) for tally in (*mine, *references))) > MOST_BLIND_STOPS:
        yield f"stops of one pool that hit unseen work: {stops}"
    if left := sum(tally.left for tally in (*mine, *references)):
        yield f"left over in the end: {left} jobs"
    if _seconds(mine) > MOST_SURPLUS * _seconds(references):
        yield f"surplus: {_seconds(mine) / _seconds(references):.2f} × the replica-seconds of the references"


def _bugs(outcomes: Outcomes) -> Iterator[str]:
    if failed := sum(outcome.failed_looks for outcome in outcomes.values()):
        yield f"looks at a pool that failed: {failed}"
    if unknown := sorted({each for outcome in outcomes.values() for each in outcome.unknown}):
        yield f"asked for, and not simulated: {', '.join(unknown)}"


def _seconds(tallies: Sequence[Tally]) -> float:
    return sum(tally.replica_seconds for tally in tallies)
