"""On which classes replicas start, stop, and are tried."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.arms.arm import Arm
from poolkeeper.core.arms.merging import merged, uncounted
from poolkeeper.core.arms.spreading import Wanted, spread
from poolkeeper.core.learning.starts.arms import NOTHING_TRIED, Tried
from poolkeeper.core.tuning import SCARCE_AFTER_SECONDS
from poolkeeper.core.values.observation import Stage
from tests.unit.core.arms.arms import SHORT, arm
from tests.unit.core.strategies import T0

A100 = "nvidia-a100-80gb"
ENOUGH, TIGHT = T0 + 120.0, T0 + 50.0
"""Deadlines: a start of 40 s and a wait of a minute fit in, or only the start."""


def numbers(arms: list[Arm], wanted: Wanted, tried: Tried = NOTHING_TRIED) -> tuple[int, ...]:
    without = uncounted(T0, wanted.deadline, arms, tried)
    return spread(T0, wanted, arms, without, tried).numbers


@pytest.mark.parametrize(
    ("arms", "deadline", "expected"),
    [
        pytest.param([arm(), arm(A100)], ENOUGH, (1, 0), id="the first class, where it is in time"),
        pytest.param([arm(scarce=SHORT), arm(A100)], ENOUGH, (0, 1), id="the next, while it has no capacity"),
        pytest.param([arm(), arm(A100)], T0 + 10.0, (1, 0), id="the first, where none is in time"),
        pytest.param([arm(most=0), arm(A100)], ENOUGH, (0, 1), id="the next, above the first one's maximum"),
        pytest.param([arm(may_write=False), arm(A100)], ENOUGH, (0, 1), id="not where another one writes"),
        pytest.param(
            [arm(scarce=SHORT), arm(A100, scarce=SHORT._replace(asks_at=T0 - 1.0))], ENOUGH, (0, 1),
            id="the one that may be asked first, where none has capacity",
        ),
    ],
)  # fmt: skip
def test_a_new_replica_goes_to_the_first_class_that_has_it_in_time(
    arms: list[Arm], deadline: float, expected: tuple[int, ...]
) -> None:
    assert numbers(arms, Wanted(1, 5, deadline)) == expected


@pytest.mark.parametrize(
    ("waited", "deadline", "is_counted"),
    [
        pytest.param(3.0, TIGHT, True, id="for as long as a node usually takes"),
        pytest.param(8.0, TIGHT, False, id="for longer, and the deadline is near"),
        pytest.param(8.0, math.inf, True, id="for longer, and no request waits"),
    ],
)
def test_a_replica_that_waits_for_a_node_counts_while_it_may_be_in_time(
    waited: float, deadline: float, is_counted: bool
) -> None:
    arms = [arm(pending=(waited,)), arm(A100)]
    assert uncounted(T0, deadline, arms, NOTHING_TRIED) == ((0 if is_counted else 1), 0)
    assert numbers(arms, Wanted(1, 2, deadline)) == ((1, 0) if is_counted else (1, 1))


def test_a_replica_that_waits_counts_where_no_other_class_has_capacity() -> None:
    arms = [arm(pending=(300.0,)), arm(A100, scarce=SHORT)]
    assert numbers(arms, Wanted(1, 2, TIGHT)) == (1, 0)


def test_of_many_replicas_that_wait_one_stays_to_see_whether_capacity_returns() -> None:
    arms = [arm(pending=(8.0, 8.0, 8.0)), arm(A100)]
    found = spread(T0, Wanted(3, 5, TIGHT), arms, (3, 0), NOTHING_TRIED)
    assert (found.numbers, found.tried.extra) == ((1, 3), (1, 0))
    assert found.why == (
        "a replica has waited 8 s for a node of nvidia-l4, "
        "so 3 replicas start on nvidia-a100-80gb, which costs $5.07 an hour"
    )


def test_a_replica_that_waited_for_too_long_is_given_back_and_the_class_left_alone() -> None:
    arms = [arm(pending=(SCARCE_AFTER_SECONDS,)), arm(A100, ready=1)]
    found = spread(T0, Wanted(1, 5), arms, (1, 0), Tried((1, 0), T0 - SCARCE_AFTER_SECONDS))
    assert found.numbers == (0, 1)
    assert found.scarce[0].failed == 1
    assert found.scarce[0].asks_at == T0 + 180.0
    assert found.why == (
        "1 replica has waited 3 min for a node of nvidia-l4 and is given back; "
        "the class is asked again in 3 min at the earliest"
    )


def test_a_replica_is_not_given_back_where_kubernetes_would_remove_another_one() -> None:
    arms = [arm(ready=1, pending=(300.0,), reached=Stage.RUNNING), arm(A100, ready=1)]
    assert spread(T0, Wanted(2, 5), arms, (1, 0), Tried((1, 0))).numbers == (2, 1)


@pytest.mark.parametrize(
    ("arms", "moved_ago", "expected"),
    [
        pytest.param([arm(), arm(A100, ready=2)], math.inf, (2, 2), id="all at once where there is capacity"),
        pytest.param([arm(), arm(A100, ready=2)], 5.0, (0, 2), id="not again and again"),
        pytest.param([arm(scarce=SHORT), arm(A100, ready=2)], math.inf, (0, 2), id="not during a pause"),
        pytest.param(
            [arm(scarce=SHORT._replace(asks_at=T0)), arm(A100, ready=2)], math.inf, (1, 2),
            id="with one replica after a pause",
        ),
        pytest.param([arm(ready=2), arm(A100)], math.inf, (2, 0), id="not back"),
        pytest.param([arm(), arm(A100, loading=(10.0, 10.0))], math.inf, (0, 2), id="once the dearer serves"),
    ],
)  # fmt: skip
def test_while_a_dearer_class_serves_the_ones_before_it_are_tried(
    arms: list[Arm], moved_ago: float, expected: tuple[int, ...]
) -> None:
    assert numbers(arms, Wanted(2, 5), Tried((0, 0), T0 - moved_ago)) == expected


def test_nothing_is_tried_for_a_pool_without_work() -> None:
    assert numbers([arm(), arm(A100, ready=1)], Wanted(1, 5, has_work=False)) == (0, 1)


def test_a_pool_of_one_replica_moves_with_one_more_for_the_time_of_a_start() -> None:
    assert numbers([arm(most=1), arm(A100, ready=1, most=1)], Wanted(1, 2)) == (1, 1)
    assert numbers([arm(most=1), arm(A100, ready=1, most=1)], Wanted(1, 1)) == (0, 1), "quota is kept"


def test_what_is_surplus_stops_on_the_last_class_first() -> None:
    arms = [arm(ready=2), arm("nvidia-l40s", ready=1), arm(A100, ready=1)]
    assert numbers(arms, Wanted(2, 5, is_stop=True)) == (2, 0, 0)
    assert numbers(arms, Wanted(0, 5, is_stop=True)) == (0, 0, 0)


def test_ready_replicas_stop_only_where_a_stop_was_decided() -> None:
    assert numbers([arm(pending=(1.0,)), arm(A100, ready=2)], Wanted(1, 5)) == (0, 2)


def test_no_class_is_lowered_while_one_of_its_replicas_loads() -> None:
    arms = [arm(ready=1), arm(A100, ready=1, loading=(10.0,))]
    found = spread(T0, Wanted(1, 5, is_stop=True, loads_until=100.0), arms, (0, 1), Tried((0, 1)))
    assert found.numbers == (0, 2)


def test_a_replica_that_loads_beside_the_number_is_used_when_more_are_needed() -> None:
    arms = [arm(loading=(10.0,)), arm(A100, ready=1)]
    found = spread(T0, Wanted(2, 5), arms, (1, 0), Tried((1, 0)))
    assert (found.numbers, found.tried.extra) == ((1, 1), (0, 0))


seen_arms = st.lists(
    st.builds(
        arm,
        st.sampled_from(("nvidia-l4", "nvidia-l40s", A100)),
        ready=st.integers(0, 3),
        loading=st.lists(st.floats(1.0, 300.0), max_size=2).map(tuple),
        pending=st.lists(st.floats(0.0, 900.0), max_size=3).map(tuple),
        most=st.integers(0, 8),
        scarce=st.sampled_from((arm().scarce, SHORT, SHORT._replace(asks_at=T0 - 1.0))),
        may_write=st.booleans(),
        reached=st.sampled_from((None, Stage.RUNNING)),
    ),
    min_size=2,
    max_size=4,
)


@given(
    arms=seen_arms,
    replicas=st.integers(0, 10),
    deadline=st.sampled_from((math.inf, T0 - 30.0, TIGHT, ENOUGH)),
    is_stop=st.booleans(),
    has_work=st.booleans(),
    extra=st.lists(st.integers(0, 3), max_size=4).map(tuple),
)
def test_what_always_holds(
    arms: list[Arm], replicas: int, deadline: float, is_stop: bool, has_work: bool, extra: tuple[int, ...]
) -> None:
    wanted = Wanted(replicas, max(replicas, 4) + 1, deadline, is_stop, has_work, loads_until=1000.0)
    tried = Tried(extra)
    without = uncounted(T0, deadline, arms, tried)
    whole = merged(arms, without)
    found = spread(T0, wanted, arms, without, tried)
    before = [each.replicas.desired for each in arms]
    assert sum(found.numbers) <= max(wanted.most, sum(before)), "no raise above the most"
    for number, each, fewer in zip(found.numbers, arms, without, strict=True):
        desired = each.replicas.desired
        assert number <= max(each.most, desired), "no raise above the most of a class"
        if not each.may_write:
            assert number == desired
        revocable = [one for one in each.replicas.starting if one.reached is Stage.UNADMITTED]
        if not is_stop or each.replicas.starting:
            loading = any(one.stage is Stage.RUNNING for one in each.replicas.starting)
            if loading or not is_stop:
                assert number >= desired - len(revocable), "only replicas without a node are taken back"
        if replicas >= whole.desired:
            assert number >= desired - fewer, "a move takes away nothing that counts"
    assert found.due_at >= T0


@given(arms=seen_arms, replicas=st.integers(0, 6))
def test_the_numbers_soon_stand(arms: list[Arm], replicas: int) -> None:
    """Nothing flaps: with the same capacity and demand, looks end to change anything after a few: one for
    what a look has learned of each class, and one for what that makes possible."""
    arms = [each._replace(may_write=True) for each in arms]
    wanted = Wanted(replicas, 7, math.inf, is_stop=True, loads_until=1000.0)
    tried, seen = NOTHING_TRIED, []
    for _ in range(2 * len(arms) + 1):
        found = spread(T0, wanted, arms, uncounted(T0, math.inf, arms, tried), tried)
        tried = found.tried
        seen.append(found.numbers)
        arms = [
            _scaled(each, number)._replace(scarce=known)
            for each, number, known in zip(arms, found.numbers, found.scarce, strict=True)
        ]
    assert seen[-1] == seen[-2]


def _scaled(each: Arm, number: int) -> Arm:
    """The arm after its number was written: new replicas have no node, and those that are least far go."""
    starting = list(each.replicas.starting)
    pending = arm(pending=(0.0,) * max(0, number - each.replicas.desired)).replicas.starting
    starting = sorted(starting, key=lambda one: one.stage is Stage.UNADMITTED)
    gone = max(0, each.replicas.desired - number)
    kept = starting[: max(0, len(starting) - gone)]
    ready = each.replicas.ready - max(0, gone - len(starting))
    starting = [*kept, *pending]
    return each._replace(
        replicas=replace(each.replicas, desired=number, ready=ready, starting=tuple(starting))
    )


def test_what_is_not_counted_on_is_shown_beside_the_replicas() -> None:
    """So that requests that are late meanwhile are charged to what keeps it from a node."""
    preferred, fallback = arm(pending=(90.0,)), arm("nvidia-a100-80gb", loading=(10.0,))
    seen = merged([preferred, fallback], (1, 0))
    assert (seen.desired, seen.starting, seen.set_aside) == (
        1,
        fallback.replicas.starting,
        preferred.replicas.starting,
    )
