"""The books: ceilings, reservations, and whom a change concerns."""

from poolkeeper.core.quota.bank import Bank
from poolkeeper.core.quota.quota import Measure, Part, Quota, Share, Unit
from poolkeeper.core.values.stake import Stake

CHIPS = (Measure(Unit.CHIPS, "nvidia-l4"),)
A, B = ("team", "a"), ("team", "b")


def bank(limit: int = 4, *shares: Share) -> Bank:
    made = Bank()
    made.declare(Quota("site", CHIPS, (limit,), (*shares, Share())))
    for holder in (A, B):
        made.place(holder, {"site": Part(len(shares), (1,))})
    return made


def most(books: Bank, holder: tuple[str, ...]) -> int:
    found = books.ceiling(holder)
    assert found is not None
    return found.replicas


def test_without_a_quota_there_is_no_ceiling() -> None:
    assert Bank().ceiling(A) is None


def test_a_pool_may_have_all_that_is_free() -> None:
    books = bank()
    books.hold(A, 1, 0)
    assert (most(books, A), most(books, B)) == (4, 3)


def test_what_is_reserved_is_no_longer_free() -> None:
    books = bank()
    assert books.reserve(A, 3)
    assert most(books, B) == 1
    assert not books.reserve(B, 2)
    assert books.reserve(B, 1)


def test_what_leaves_is_not_free_yet() -> None:
    books = bank()
    books.hold(A, 0, 3)
    assert most(books, B) == 1


def test_every_quota_of_a_pool_counts() -> None:
    books = bank()
    books.declare(Quota("team", CHIPS, (1,)))
    books.place(A, {"site": Part(0, (1,)), "team": Part(0, (1,))})
    assert books.ceiling(A) == (1, "team")
    assert not books.reserve(A, 2)


def test_a_deleted_quota_limits_nobody() -> None:
    books = bank()
    books.drop("site")
    assert books.ceiling(A) is None
    assert books.reserve(A, 100)


def test_a_deleted_pool_frees_what_it_had() -> None:
    books = bank()
    books.hold(A, 4, 0)
    books.forget(A)
    assert most(books, B) == 4


def test_an_edited_quota_counts_what_its_pools_hold() -> None:
    books = bank()
    books.hold(A, 3, 0)
    books.declare(Quota("site", CHIPS, (2,)))
    books.place(A, {"site": Part(0, (2,))})
    assert books.books["site"].used == [6]
    assert books.books["site"].is_over


def test_while_nobody_waits_the_arbiter_is_not_asked() -> None:
    books = bank()
    books.hold(A, 3, 0)
    books.stakes(A, Stake(3, 3))
    assert not books.is_due
    assert books.settle() == set()


def test_only_pools_with_another_ceiling_are_looked_at() -> None:
    books = bank()
    for holder, held in ((A, 3), (B, 1)):
        books.hold(holder, held, 0)
    assert (most(books, A), most(books, B)) == (3, 1)
    books.stakes(A, Stake(0, 0, free_at=0.0))
    books.stakes(B, Stake(1, 3, waiting=2))
    assert books.settle() == {A}, "b gets nothing before a has stopped"
    assert (most(books, A), most(books, B)) == (1, 1)
    books.hold(A, 1, 0)
    assert books.settle() == {B}
    assert most(books, B) == 3


def test_freed_capacity_is_kept_for_the_pool_that_waits() -> None:
    books, third = bank(), ("team", "c")
    books.place(third, {"site": Part(0, (1,))})
    books.hold(A, 4, 0)
    books.stakes(A, Stake(0, 0, free_at=0.0))
    books.stakes(B, Stake(0, 4, waiting=4))
    books.settle()
    books.hold(A, 0, 0)
    books.settle()
    assert (most(books, B), most(books, third)) == (4, 0)


def test_a_pool_of_a_share_that_does_not_borrow_has_its_guarantee() -> None:
    books = bank(4, Share("small", guaranteed=(1,), borrows=False))
    books.place(A, {"site": Part(0, (1,))})
    assert (most(books, A), most(books, B)) == (1, 4)


def test_nobody_borrows_from_a_share_that_does_not_lend() -> None:
    books = bank(4, Share("safe", guaranteed=(3,), lends=False))
    books.place(A, {"site": Part(0, (1,))})
    assert (most(books, A), most(books, B)) == (4, 1)


def test_a_pool_whose_use_is_not_known_gets_no_more() -> None:
    books = bank()
    books.place(A, {"site": Part(0, (1,), unknown="no price")})
    books.hold(A, 1, 0)
    assert most(books, A) == 1
    assert not books.reserve(A, 2)
