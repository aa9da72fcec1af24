"""Some thousand jobs in virtual time while probes pass late, are missing or flap, and operators die.

The benchmark queue.faults plays a hundred thousand; its docstring says what is real here and what is not.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache

import pytest

from hack.bench.queue.scene.episode import Fault, Plan, jobs_of, play
from hack.bench.queue.scene.tally import Cut, Tally

SECONDS, FINISH_SECONDS = 150.0, 400.0
SEED = 11
MOST_SURPLUS = 1.3


played = cache(play)


def test_there_are_enough_jobs() -> None:
    assert jobs_of(SEED, SECONDS) > 500


@pytest.mark.parametrize("fault", [Fault.LATE, Fault.MISSING, Fault.OPERATOR_KILLED, Fault.TOOL])
def test_no_scale_down_hits_work(fault: Fault) -> None:
    outcome = played(Plan(fault, SEED, SECONDS, finish_seconds=FINISH_SECONDS))
    cuts: Counter[Cut] = sum((tally.cut for tally in outcome.tallies.values()), Counter())
    assert cuts[Cut.SCALE_DOWN] == 0, [each.cut_by_scale_down for each in outcome.tallies.values()]
    assert sum(tally.left for tally in outcome.tallies.values()) == 0
    assert (outcome.failed_looks, outcome.unknown) == (0, ())


def test_a_late_probe_costs_hardly_more_replica_seconds() -> None:
    plan = Plan(Fault.LATE, SEED, SECONDS, finish_seconds=FINISH_SECONDS)
    late, perfect = played(plan).tallies, played(plan.reference).tallies
    assert replica_seconds(late.values()) <= MOST_SURPLUS * replica_seconds(perfect.values())


def replica_seconds(tallies: Iterable[Tally]) -> float:
    return sum(tally.replica_seconds for tally in tallies)
