"""The account of the promise: what is late, by what, and over which time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning.lateness import promise
from poolkeeper.core.learning.lateness.promise import EARLIER_CAUSES, WINDOWS, Late, Promise, Tally
from tests.unit.core.strategies import T0

HOUR, DAY, MONTH = WINDOWS


@pytest.mark.parametrize(
    ("age", "in_hour", "in_day", "in_month"),
    [
        (60.0, 7, 7, 7),
        (3_601.0, 0, 7, 7),
        (22 * 3_600.0, 0, 7, 7),
        (24 * 3_600.0, 0, 0, 7),
        (27 * 86_400.0, 0, 0, 7),
        (30 * 86_400.0, 0, 0, 0),
    ],
)
def test_each_window_forgets_in_its_own_time(age: float, in_hour: int, in_day: int, in_month: int) -> None:
    account = Promise().enter(T0 - age, 7, Late(start=2))
    assert [account.over(window, T0).taken for window in WINDOWS] == [in_hour, in_day, in_month]
    assert account.total == Tally(7, Late(start=2))


@given(st.lists(st.tuples(st.floats(-7e6, 0.0), st.integers(1, 50), st.integers(0, 50)), max_size=200))
def test_windows_hold_what_was_counted_in_them_and_little_room(entries: list[tuple[float, int, int]]) -> None:
    account = Promise()
    for age, taken, late in sorted(entries):
        account = account.enter(T0 + age, taken, Late(start=min(late, taken)))
    for window, cells in zip(WINDOWS, account.windows, strict=True):
        assert len(cells) <= window.cells
        surely = sum(taken for age, taken, _ in entries if -age <= window.cell_seconds * (window.cells - 1))
        at_most = sum(taken for age, taken, _ in entries if -age <= window.cell_seconds * window.cells)
        assert surely <= account.over(window, T0).taken <= at_most
    numbers = list(promise.to_numbers(account))
    again = promise.from_numbers(numbers, account.total.taken, T0)
    assert again == account._replace(counted_at=float(int(account.counted_at)))


def test_requests_counted_out_of_order_stay_in_the_window() -> None:
    account = Promise().enter(T0, 1, Late()).enter(T0 - 700.0, 1, Late())
    assert account.over(HOUR, T0).taken == 2
    assert account.counted_at == T0


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        [0] * 9,
        [-1, *[0] * 9],
        [*[0] * 7, 7, 0, 0],
        [*[0] * 7, 1, 10**12, 1, *[0] * 8],
        [*[0] * 7, 2, 5, 1, *[0] * 6, 0, 1, *[0] * 8],
        [*[0] * 7, 1, 5, -1, *[0] * 8],
        [*[0] * 10, 9],
    ],
)
def test_numbers_of_anything_else_are_refused(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match="promise"):
        promise.from_numbers(numbers, 0, T0)


def test_an_account_of_a_version_before_is_read_with_the_causes_that_it_knew() -> None:
    """Two of nine requests were late by the start and one by the ceiling, all in the present hour."""
    hour = int(T0 // HOUR.cell_seconds)
    numbers = [2, 1, 0, 0, int(T0), 1, hour, 9, 2, 1, 0, 0, 0, 0]
    account = promise.from_numbers(numbers, 9, T0, EARLIER_CAUSES)
    assert account.total == account.over(HOUR, T0) == Tally(9, Late(start=2, ceiling=1))
    assert promise.from_numbers(list(promise.to_numbers(account)), 9, T0) == account


@pytest.mark.parametrize("ahead", [2.0, 700.0, 86_400.0, 25 * 86_400.0])
def test_what_a_clock_that_was_ahead_has_counted_counts_as_taken_now(ahead: float) -> None:
    """Such as that of the leader before. With the account, all that the pool has learned would be refused."""
    account = Promise().enter(T0 - 1.0, 1, Late()).enter(T0 + ahead, 2, Late(start=1))
    again = promise.from_numbers(list(promise.to_numbers(account)), account.total.taken, T0)
    assert again.total == account.total
    assert again.counted_at <= T0
    for window in promise.WINDOWS:
        assert again.over(window, T0).late == Late(start=1)
        assert again.over(window, T0).taken >= 2
    assert promise.from_numbers(list(promise.to_numbers(again)), 3, T0) == again
