"""One price of a late request for all pools finds what trying every choice finds."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.backtest.optimum.frontier import Point, added, cheapest, convex, mixed, shared_out

points = st.builds(Point, st.integers(0, 20).map(float), st.integers(0, 100).map(float))
pools = st.lists(st.lists(points, min_size=1, max_size=5), min_size=1, max_size=3)


def test_a_choice_that_a_mix_of_two_others_beats_is_left_out() -> None:
    choices = [Point(0, 60), Point(1, 59), Point(2, 40), Point(3, 45), Point(2, 50)]
    assert convex(choices) == [Point(0, 60), Point(2, 40)]


@pytest.mark.parametrize(
    ("late", "seconds"), [(-1, None), (0, 60), (1, 50), (2, 40), (3, 37.5), (4, 35), (9, 35)]
)
def test_between_two_points_is_their_mix_and_beyond_the_last_one_nothing_is_saved(
    late: float, seconds: float | None
) -> None:
    assert cheapest([Point(0, 60), Point(2, 40), Point(4, 35)], late) == seconds


def test_a_mix_is_named_after_both() -> None:
    assert mixed([Point(0, 60, "dear"), Point(2, 40, "cheap")], 1) == Point(1, 50, "dear or cheap")


@given(st.lists(points, min_size=1))
def test_each_further_late_request_saves_less(choices: list[Point]) -> None:
    frontier = convex(choices)
    assert all(one.late < other.late for one, other in pairwise(frontier))
    prices = [
        (one.accelerator_seconds - other.accelerator_seconds) / (other.late - one.late)
        for one, other in pairwise(frontier)
    ]
    assert all(price > 0 for price in prices)
    assert prices == sorted(prices, reverse=True)
    for choice in choices:
        least = cheapest(frontier, choice.late)
        assert least is not None
        assert least <= choice.accelerator_seconds + 1e-9


@given(pools, st.floats(0, 60))
def test_no_combination_of_choices_with_as_few_late_requests_is_cheaper(
    choices: list[list[Point]], late: float
) -> None:
    frontiers = [convex(each) for each in choices]
    least = cheapest(added(frontiers), late)
    sums = [
        sum(point.accelerator_seconds for point in each)
        for each in product(*choices)
        if sum(point.late for point in each) <= late
    ]
    assert (least is None) == (not sums)
    if least is not None:
        assert least <= min(sums) + 1e-6


@given(pools, st.floats(0, 60))
def test_what_is_shared_out_adds_up(choices: list[list[Point]], late: float) -> None:
    frontiers = [convex(each) for each in choices]
    shares, whole = shared_out(frontiers, late), mixed(added(frontiers), late)
    assert sum(point.late for point in shares) == pytest.approx(whole.late)
    assert sum(point.accelerator_seconds for point in shares) == pytest.approx(whole.accelerator_seconds)
    mixes = [share not in frontier for share, frontier in zip(shares, frontiers, strict=True)]
    assert sum(mixes) <= 1
