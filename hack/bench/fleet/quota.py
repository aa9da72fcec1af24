"""Time that the arbiter of quotas takes for many pools, and whether random steps ever exceed a limit.

    python -m hack.bench fleet.quota [--pools 10000] [--steps 1000000] [--seed 1]

Arbitration: all pools are in one quota of chips, watts and dollars, with three shares, and hold or need more
than it has. Processor time of one answer of the arbiter is measured, with all that follows from it in the
books; the middle of several counts. Steps: worlds as in hack/testing/quota_world.py, 2,000 steps each: late
and lost answers, pods that come and go late, a watch that breaks, other writers, restarts, deleted pools and
edited quotas. After each raise, what is true is compared with the limits.
"""

import argparse
from collections.abc import Sequence
from random import Random
from time import process_time

from hack.testing.quota_world import QuotaWorld
from poolkeeper.core.quota.bank import Bank
from poolkeeper.core.quota.quota import Measure, Part, Quota, Share, Unit
from poolkeeper.core.values.stake import Stake

BUDGET_MILLISECONDS = 50.0
ANSWERS = 15
STEPS_PER_WORLD = 2_000
QUOTA = "site"


def crowded(pools: int, random: Random) -> Bank:
    """A bank whose pools hold and need about twice as much as there is."""
    bank = Bank()
    chips = 2 * pools
    measures = (Measure(Unit.CHIPS, "nvidia-l4"), Measure(Unit.WATTS), Measure(Unit.MICRO_DOLLARS))
    shares = (Share("first", 10, (chips // 8, None, None)), Share("second", 5), Share())
    bank.declare(Quota(QUOTA, measures, (chips, chips * 72, chips * 800_000), shares))
    for number in range(pools):
        holder, chips = (f"team-{number % 50}", f"pool-{number}"), random.choice((1, 1, 1, 2, 4, 8))
        bank.place(holder, {QUOTA: Part(number % 3, (chips, chips * 72, chips * 800_000))})
        bank.hold(holder, random.choice((0, 0, 1, 2)), 0)
        bank.stakes(holder, stake(bank, holder, random))
        bank.ceiling(holder)
    return bank


def stake(bank: Bank, holder: tuple[str, ...], random: Random) -> Stake:
    """A third of the pools wait for more, a third are busy, and a third are idle."""
    position = bank.position(holder)
    held = position.held if position else 0
    kind = random.randrange(3)
    if kind == 0:
        more, waiting = random.randint(1, 3), random.randint(1, 20)
        return Stake(held, held + more, waiting=waiting, slots=2, deadline=100.0 * random.random())
    return Stake(held, held) if kind == 1 else Stake(0, 0, floor=random.choice((0, 1)), free_at=0.0)


def answer_milliseconds(pools: int, random: Random) -> float:
    """The middle of several answers, each after some pools need something else."""
    bank, times = crowded(pools, random), []
    holders = list(bank.books[QUOTA].members)
    bank.settle()
    for _ in range(ANSWERS):
        for holder in random.sample(holders, min(100, pools)):
            bank.stakes(holder, stake(bank, holder, random))
        began = process_time()
        bank.settle()
        times.append(1000 * (process_time() - began))
    return sorted(times)[len(times) // 2]


def walk(steps: int, seed: int) -> tuple[int, int]:
    """Random steps in one world after the other; returns how often replicas were raised, and how often a
    limit was exceeded."""
    raises = exceeded = 0
    for number in range(-(-steps // STEPS_PER_WORLD)):
        world = QuotaWorld(Random(seed + number))
        try:
            for _ in range(STEPS_PER_WORLD):
                world.step()
        except AssertionError as found:
            exceeded += 1
            print(f"seed {seed + number}: {found}")
        raises += world.raises
    return raises, exceeded


def main(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> int:
    """Measures and prints; returns the exit status."""
    parser.add_argument("--pools", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    spent = answer_milliseconds(options.pools, Random(options.seed))
    ratio = spent / BUDGET_MILLISECONDS
    print(f"{options.pools} pools: {spent:.1f} ms per answer, {ratio:.2f} of {BUDGET_MILLISECONDS:.0f} ms")
    raises, exceeded = walk(options.steps, options.seed)
    print(f"{options.steps} steps with {raises} raises: a limit was exceeded {exceeded} times")
    return 0 if ratio <= 1.0 and not exceeded else 1
