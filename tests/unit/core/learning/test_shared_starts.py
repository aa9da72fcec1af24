"""Starts of other pools with the same image and class: a first idea of two kinds, then forgotten."""

import pytest

from poolkeeper.core.learning.saved import learned
from poolkeeper.core.learning.starts.shared import believed, pooled
from poolkeeper.core.learning.starts.start_time import share
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.tuning import SHARED_STARTS_OF_ONE_POOL, SHARED_UNTIL_STARTS
from tests.unit.core.strategies import spec_of, taught

SPEC = spec_of(budget_seconds=240.0)
CACHED_OR_NOT = (38.0, 39.0, 40.0, 40.0, 41.0, 41.0, 42.0, 148.0, 150.0, 152.0)


def sharing(own: tuple[float, ...], others: tuple[float, ...] = CACHED_OR_NOT) -> PoolState:
    state = taught(SPEC, own)
    return state._replace(starts=share(state.starts, others))


@pytest.mark.parametrize(
    ("of_pools", "taken"),
    [
        ([], ()),
        ([()], ()),
        ([(), (40.0, 41.0)], (40.0, 41.0)),
        # Five of the pool with five, and the last five of the one with forty.
        ([(60.0,) * 35 + (50.0,) * 5, (40.0,) * 5], (40.0,) * 5 + (50.0,) * 5),
        ([(40.0,) * 40], (40.0,) * SHARED_STARTS_OF_ONE_POOL),
    ],
)
def test_as_many_starts_are_taken_of_each_pool(
    of_pools: list[tuple[float, ...]], taken: tuple[float, ...]
) -> None:
    assert pooled(of_pools) == taken


@pytest.mark.parametrize(
    ("own", "is_believed"),
    [
        ((), True),
        ((40.0, 41.0), True),
        ((150.0,), True),
        ((30.0,), True),  # 38 s by the factor that tells two kinds apart, 1.35, is 28 s
        ((20.0,), False),
        ((400.0,), False),  # a larger model in the same image
        ((40.0, 400.0), False),
        ((40.0,) * SHARED_UNTIL_STARTS, False),
    ],
)
def test_they_are_believed_while_the_pools_own_can_be_of_the_same_kinds(
    own: tuple[float, ...], *, is_believed: bool
) -> None:
    assert believed(CACHED_OR_NOT, own) == (CACHED_OR_NOT if is_believed else ())


def test_after_three_fast_starts_a_slow_one_is_still_expected() -> None:
    alone, shared = taught(SPEC, (40.0,) * 3).starts, sharing((40.0,) * 3).starts
    assert alone.quantile(0.05) < 60.0
    assert 140.0 < shared.quantile(0.05) < 190.0
    assert shared.p50_seconds == pytest.approx(41.0, abs=5.0)


def test_without_a_start_of_its_own_a_pool_expects_what_others_needed() -> None:
    starts = sharing(()).starts
    assert starts.samples == 0
    assert starts.p50_seconds == pytest.approx(45.0, abs=10.0)
    assert starts.ended_p95_seconds > 140.0


@pytest.mark.parametrize("own", [(400.0, 410.0, 405.0), (40.0,) * SHARED_UNTIL_STARTS])
def test_where_they_are_not_believed_nothing_changes(own: tuple[float, ...]) -> None:
    assert sharing(own).starts.quantiles == taught(SPEC, own).starts.quantiles


def test_they_are_no_part_of_what_the_pool_has_learned() -> None:
    own = (40.0, 41.0)
    assert learned(sharing(own)) == learned(taught(SPEC, own))
