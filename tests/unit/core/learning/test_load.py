"""What is learned about the load: its size, its rises, and the reserve that late requests ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning import load
from poolkeeper.core.learning.load import Average, Load
from poolkeeper.core.tuning import LARGEST_RESERVE

MEMORIES = (10.0, 60.0)


@pytest.mark.parametrize(
    ("recent", "steady", "replicas"),
    [
        (24.0, 26.0, 6.5),  # by chance 24 may be 24 ± 1.5 × √24: the steady average is believed
        (24.0, 10.0, 4.16),  # the load has risen, to 24 - 7.3 at least
        (24.0, 40.0, 7.84),  # it has fallen, to 24 + 7.3 at most
        (0.0, 40.0, 0.0),  # it has gone
    ],
)
def test_the_steady_load_is_believed_as_far_as_chance_explains_the_recent_one(
    recent: float, steady: float, replicas: float
) -> None:
    offered = Load(Average(recent), Average(steady))
    assert offered.replicas(concurrency=4, rate=0.5) == pytest.approx(replicas, abs=0.01)


def test_a_queue_that_grows_counts_as_load() -> None:
    growing = Average(in_flight=6.0, growth=0.5)
    assert Load(growing, growing, clumps=1e9).replicas(concurrency=2, rate=0.25) == pytest.approx(5.0)


def test_a_load_that_comes_is_seen_within_seconds_and_its_noise_averaged_over_a_minute() -> None:
    offered = Load()
    for second in range(600):
        in_flight = 24.0 + (8.0 if second % 4 < 2 else -8.0)
        offered = load.learn(offered, 1.0, in_flight, 0, MEMORIES)
        if second == 20:
            assert offered.replicas(4, 1.0) > 3.0
    assert offered.replicas(4, 1.0) == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize(
    ("reserve", "taken", "late", "expected"),
    [
        (0.0, 100, 0, 0.0),  # nothing to lower
        (1.0, 100, 0, 0.99),  # 100 in time lower it by 0.01
        (1.0, 100, 1, 1.0),  # as many late as allowed
        (1.0, 100, 10, 1.09),  # nine too many, each worth 100 requests
        (1.0, 1000, 1000, 1.5),  # one burst does not decide
        (3.9, 1000, 1000, LARGEST_RESERVE),
    ],
)
def test_the_reserve_follows_the_account(reserve: float, taken: int, late: int, expected: float) -> None:
    assert load.account(Load(reserve=reserve), taken, late, 0.01).reserve == pytest.approx(expected)


@given(
    st.floats(0.0, LARGEST_RESERVE),
    st.integers(1, 10_000),
    st.integers(0, 5_000),
    st.integers(0, 5_000),
    st.floats(1e-4, 0.5),
)
def test_the_reserve_is_never_smaller_when_more_were_late(
    reserve: float, taken: int, late: int, more: int, allowed_share: float
) -> None:
    fewer, many = (
        load.account(Load(reserve=reserve), taken, min(number, taken), allowed_share).reserve
        for number in (late, late + more)
    )
    assert 0.0 <= fewer <= many <= LARGEST_RESERVE


def test_the_rises_from_one_window_to_the_next_are_learned() -> None:
    offered = Load()
    for number, replicas in enumerate((0.0, 4.0, 4.0, 8.0, 2.0)):
        offered = load.note_peak(offered, 30.0 * number, int(replicas), 30.0, replicas)
    # 0 to 4 is a cold start and no rise; 4 to 8 is one, and the fall to 2 has none.
    assert offered.rise == pytest.approx(16.0 / 8.0 * (1 - 1 / 8.0))
    assert offered.recent_peak == 8


def test_a_window_has_ended_at_the_instant_that_its_end_is_computed_as() -> None:
    """As floats, (began + seconds) - began is less than `seconds` here: the look at the end found the window
    still open, and asked for the next look at the same instant, for ever."""
    began, seconds = 1002687.284882248, 114.74337369372327
    assert (began + seconds) - began < seconds
    offered = load.note_peak(Load(peak=3, window_began_at=began), began + seconds, 1, seconds, 1.0)
    assert (offered.window_began_at, offered.peak) == (began + seconds, 1)
