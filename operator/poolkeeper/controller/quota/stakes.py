"""What is at stake for each target of a pool, from what is at stake for the pool as a whole."""

from collections.abc import Callable, Iterator

from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.quota.targets import HeldTarget, targets_of
from poolkeeper.core.values.stake import Stake


def stakes_of(
    pool: Pool, stake: Stake | None, held: Callable[[HeldTarget], int]
) -> Iterator[tuple[HeldTarget, Stake]]:
    """One stake for each target. Without one for the pool, it gives up nothing and asks for nothing.

    A pool with fallbacks asks on each of those for what was decided, and on its preferred class for all the
    rest.
    """
    first, *others = targets_of(pool)
    if stake is None:
        yield from ((each, Stake(needed=held(each), wanted=0)) for each in (first, *others))
        return
    rest = stake.wanted
    for each, number in zip(others, pool.numbers[1:], strict=False):
        needed = held(each) if stake.needed else 0
        rest -= number
        yield each, stake._replace(needed=needed, wanted=max(needed, number), floor=0)
    if others:
        needed = held(first) if stake.needed else 0
        yield first, stake._replace(needed=needed, wanted=max(needed, rest))
    else:
        yield first, stake
