"""What a share is promised holds at every moment: also while an idle replica of another pool has yet to go,
and where two pools of a share are raised in one moment."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.core.quota.bank import Bank
from poolkeeper.core.quota.quota import Measure, Part, Quota, Share, Unit
from poolkeeper.core.values.stake import Stake

CHIPS = (Measure(Unit.CHIPS, "nvidia-l4"),)
LIMIT = 8
MINE, THEIRS = ("team", "a"), ("team", "b")


def bank(share: Share, *holders: tuple[str, ...], index: int) -> Bank:
    made = Bank()
    made.declare(Quota("site", CHIPS, (LIMIT,), (share, Share())))
    for holder in holders:
        made.place(holder, {"site": Part(index, (1,))})
    return made


def test_two_pools_of_a_share_that_borrows_nothing_get_its_guarantee_together() -> None:
    books = bank(Share("mine", guaranteed=(2,), borrows=False), MINE, THEIRS, index=0)
    assert books.reserve(MINE, 2)
    assert not books.reserve(THEIRS, 1)


def test_two_other_pools_leave_what_a_share_lends_nobody() -> None:
    books = bank(Share("mine", guaranteed=(6,), lends=False), MINE, THEIRS, index=1)
    assert books.reserve(MINE, 2)
    assert not books.reserve(THEIRS, 1)


def test_what_is_needed_waits_for_an_idle_replica_of_its_own_share() -> None:
    """Free chips are those of a share that lends nobody any."""
    books = bank(Share("mine", guaranteed=(4,), lends=False), MINE, THEIRS, index=1)
    books.hold(MINE, 4, 0)
    books.stakes(MINE, Stake(needed=0, wanted=0))
    books.stakes(THEIRS, Stake(needed=0, wanted=4, waiting=4))
    books.settle()
    assert books.ceiling(THEIRS) == (0, "site")
    assert books.ceiling(MINE) == (0, "site")
    books.hold(MINE, 0, 0)
    books.settle()
    assert books.ceiling(THEIRS) == (4, "site")


def test_what_another_quota_does_not_allow_is_kept_for_nobody() -> None:
    """Example: a team may have 2 of the site's 8 chips, and asks for 8: another team gets the rest."""
    books = bank(Share(), MINE, THEIRS, index=1)
    books.declare(Quota("team", CHIPS, (2,)))
    books.place(MINE, {"site": Part(1, (1,)), "team": Part(0, (1,))})
    books.hold(MINE, 2, 0)
    books.stakes(MINE, Stake(needed=2, wanted=8, waiting=100, deadline=1.0))
    books.stakes(THEIRS, Stake(needed=0, wanted=8, waiting=100, deadline=2.0))
    books.settle()
    assert (books.ceiling(MINE), books.ceiling(THEIRS)) == ((2, "team"), (6, "site"))
    books.declare(Quota("team", CHIPS, (4,)))
    books.place(MINE, {"site": Part(1, (1,)), "team": Part(0, (1,))})
    books.settle()
    assert (books.ceiling(MINE), books.ceiling(THEIRS)) == ((4, "team"), (4, "site"))


def test_pools_of_a_share_use_what_it_lends_nobody_also_beside_what_they_borrow() -> None:
    """Example: 6 of 8 W are a share's own, and no chips: its pool borrows the chips."""
    books = Bank()
    measures = (Measure(Unit.CHIPS, "nvidia-l4"), Measure(Unit.WATTS))
    mine = Share("mine", guaranteed=(0, 6), lends=False)
    books.declare(Quota("site", measures, (8, 8), (mine, Share())))
    books.place(MINE, {"site": Part(0, (1, 3))})
    books.place(THEIRS, {"site": Part(1, (1, 1))})
    books.stakes(MINE, Stake(needed=0, wanted=2, waiting=2))
    books.stakes(THEIRS, Stake(needed=0, wanted=8, waiting=1))
    books.settle()
    assert (books.ceiling(MINE), books.ceiling(THEIRS)) == ((2, "site"), (2, "site"))


@settings(deadline=None, max_examples=150)
@given(st.integers(min_value=0), st.integers(min_value=0, max_value=6), st.integers(min_value=0, max_value=6))
def test_no_raise_breaks_what_a_share_is_promised(seed: int, first: int, second: int) -> None:
    random, books = Random(seed), Bank()
    shares = [
        Share(
            f"{at}",
            random.randrange(3),
            (amount,),
            borrows=random.random() < 0.5,
            lends=random.random() < 0.5,
        )
        for at, amount in enumerate((first, second))
    ]
    books.declare(Quota("site", CHIPS, (12,), (*shares, Share())))
    holders: list[tuple[str, ...]] = [("team", f"{at}") for at in range(6)]
    uses = {holder: random.choice((1, 1, 2)) for holder in holders}
    for at, holder in enumerate(holders):
        books.place(holder, {"site": Part(at % 3, (uses[holder],))})
    held = dict.fromkeys(holders, 0)
    for _ in range(60):
        holder = random.choice(holders)
        kind = random.random()
        if kind < 0.3:
            held[holder] = random.randint(0, held[holder])
            books.hold(holder, held[holder], 0)
        elif kind < 0.6:
            needed = random.randint(0, held[holder])
            books.stakes(holder, Stake(needed, random.randint(0, 8), waiting=random.randint(0, 6)))
        elif kind < 0.8:
            books.settle()
        elif books.reserve(holder, wanted := held[holder] + random.randint(1, 4)):
            held[holder] = wanted
            _check(shares, held, uses, holder)


def _check(
    shares: list[Share],
    held: dict[tuple[str, ...], int],
    uses: dict[tuple[str, ...], int],
    raised: tuple[str, ...],
) -> None:
    used = [sum(held[each] * uses[each] for each in held if int(each[1]) % 3 == at) for at in range(3)]
    assert sum(used) <= 12
    for at, share in enumerate(shares):
        (guaranteed,) = share.guaranteed
        assert guaranteed is not None
        is_own = int(raised[1]) % 3 == at
        assert share.borrows or not is_own or used[at] <= guaranteed
        if not share.lends and not is_own and sum(each.guaranteed[0] or 0 for each in shares) <= 12:
            assert 12 - sum(used) >= guaranteed - used[at]
