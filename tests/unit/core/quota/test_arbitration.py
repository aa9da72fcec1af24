"""Who gets what, as a table of situations."""

from poolkeeper.core.quota.arbitration import Allotment, Claim, arbitrate, segments_of
from poolkeeper.core.quota.quota import Holder, Measure, Part, Quota, Share, Unit
from poolkeeper.core.values.stake import Stake

CHIPS = (Measure(Unit.CHIPS, "nvidia-l4"),)


def quota(limit: int, *shares: Share) -> Quota:
    return Quota("site", CHIPS, (limit,), (*shares, Share()))


def idle(held: int, *, share: int = 0, chips: int = 1, floor: int = 0, since: float = 0.0) -> Claim:
    return Claim(Part(share, (chips,)), held, Stake(0, 0, floor=floor, free_at=since))


def busy(
    held: int, wanted: int = 0, waiting: int = 0, *, share: int = 0, chips: int = 1, deadline: float = 60.0
) -> Claim:
    stake = Stake(held, max(held, wanted), waiting=waiting, deadline=deadline)
    return Claim(Part(share, (chips,)), held, stake)


def answer(limit: Quota, claims: dict[Holder, Claim], used: list[int]) -> Allotment:
    segments = [each for holder, claim in claims.items() for each in segments_of(limit, holder, claim)]
    return arbitrate(limit, claims, segments, used)


def ceilings(limit: Quota, **claims: Claim) -> dict[str, int]:
    used = sum((each.held + each.leaving) * each.part.use[0] for each in claims.values())
    found = answer(limit, {(name,): claim for name, claim in claims.items()}, [used])
    return {name: ceiling for (name,), ceiling in found.ceilings.items()}


def test_idle_replicas_make_room_for_requests_that_wait() -> None:
    assert ceilings(quota(4), a=idle(3), b=busy(1, wanted=3, waiting=2)) == {"a": 1, "b": 1}


def test_what_is_free_is_given_at_once() -> None:
    assert ceilings(quota(4), a=idle(2), b=busy(1, wanted=3, waiting=2)) == {"a": 1, "b": 2}


def test_a_busy_replica_of_the_same_priority_is_not_asked_to_give_way() -> None:
    assert ceilings(quota(3), a=busy(3), b=busy(0, wanted=2, waiting=2)) == {"b": 0}


def test_a_busy_replica_gives_way_to_a_higher_priority_once_it_is_idle() -> None:
    high = Share("high", priority=1)
    assert ceilings(quota(3, high), a=busy(3, share=1), b=busy(0, wanted=2, waiting=2)) == {"a": 1, "b": 0}


def test_an_idle_replica_of_higher_priority_stays() -> None:
    high = Share("high", priority=1)
    assert ceilings(quota(2, high), a=idle(2), b=busy(0, wanted=1, waiting=1, share=1)) == {"b": 0}


def test_what_is_left_goes_where_it_takes_most_requests_for_its_part() -> None:
    wide = busy(0, wanted=1, waiting=1, chips=4)
    assert ceilings(quota(4), a=wide, b=busy(0, wanted=1, waiting=1)) == {"a": 0, "b": 1}


def test_among_equals_the_earliest_deadline_is_first() -> None:
    late, later = busy(0, wanted=1, waiting=1, deadline=10.0), busy(0, wanted=1, waiting=1, deadline=20.0)
    assert ceilings(quota(1), a=later, b=late) == {"a": 0, "b": 1}


def test_the_declared_floor_comes_before_other_idle_replicas_and_after_requests() -> None:
    assert ceilings(quota(2), a=idle(1, floor=1), b=idle(1), c=busy(0, wanted=1, waiting=1)) == {
        "b": 0,
        "c": 0,
    }


def test_a_guarantee_comes_before_priority() -> None:
    high, safe = Share("high", priority=9), Share("safe", guaranteed=(2,))
    found = ceilings(quota(4, high, safe), a=busy(4), b=busy(0, wanted=3, waiting=3, share=1))
    assert found == {"a": 2, "b": 0}


def test_a_guarantee_is_lent_while_nobody_of_the_share_needs_it() -> None:
    safe = Share("safe", guaranteed=(3,))
    assert ceilings(quota(4, safe), b=busy(0, wanted=4, waiting=4, share=1)) == {"b": 4}


def test_a_guarantee_that_is_not_lent_stays_free() -> None:
    safe = Share("safe", guaranteed=(3,), lends=False)
    assert ceilings(quota(4, safe), b=busy(0, wanted=4, waiting=4, share=1)) == {"b": 1}


def test_a_share_that_does_not_borrow_gets_its_guarantee_only() -> None:
    small = Share("small", guaranteed=(1,), borrows=False)
    assert ceilings(quota(4, small), a=busy(0, wanted=3, waiting=3)) == {"a": 1}


def test_replicas_that_leave_are_given_to_nobody_until_they_are_gone() -> None:
    leaving = idle(0)._replace(leaving=3)
    assert ceilings(quota(4), a=leaving, b=busy(0, wanted=4, waiting=4)) == {"b": 1}


def test_nothing_is_added_where_the_use_of_a_replica_is_not_known() -> None:
    unknown = Claim(Part(0, (1,), unknown="the class has no price"), 1, Stake(1, 3, waiting=2))
    assert ceilings(quota(4), a=unknown, b=busy(0, wanted=2, waiting=2)) == {"b": 2}


def test_the_scarcest_measure_decides() -> None:
    both = Quota("site", (*CHIPS, Measure(Unit.WATTS)), (8, 150), (Share(),))
    claim = Claim(Part(0, (1, 72)), 0, Stake(0, 4, waiting=4))
    assert answer(both, {("a",): claim}, [0, 0]) == Allotment({("a",): 2}, [6, 6])


def test_what_was_edited_away_is_taken_from_the_idle() -> None:
    assert ceilings(quota(2), a=idle(2), b=busy(2)) == {"a": 0}
