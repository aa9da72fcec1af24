"""What is remembered of the classes of a pool: shortages, starts and waits, and what of it is saved."""

from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.starts import arms, scarce
from poolkeeper.core.learning.starts.arms import NO_ARMS
from poolkeeper.core.learning.starts.scarce import PLENTY
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import initial_state
from poolkeeper.core.tuning import SCARCE_FORGOTTEN_SECONDS
from tests.unit.core.strategies import T0, spec_of


def test_pauses_double_while_a_class_is_asked_in_vain_and_end_with_the_first_node() -> None:
    known, pauses, now = PLENTY, [], T0
    for _ in range(4):
        known = scarce.in_vain(known, now, now + 180.0)
        pauses.append(known.asks_at - known.noted_at)
        now = known.asks_at
    assert pauses == [180.0, 360.0, 600.0, 600.0]
    assert scarce.admitted(known, now - 1_000.0) is known, "a node from before says nothing"
    assert scarce.admitted(known, now) == PLENTY


def test_replicas_that_were_asked_for_together_fail_once() -> None:
    known = scarce.in_vain(PLENTY, T0, T0 + 180.0)
    assert scarce.in_vain(known, T0 + 100.0, T0 + 280.0) is known


def test_pools_wait_for_the_outcome_of_the_one_that_asks() -> None:
    known = scarce.asked(scarce.in_vain(PLENTY, T0, T0 + 180.0), 180.0, T0 + 360.0)
    assert not known.may_be_asked(T0 + 400.0)
    assert known.may_be_asked(T0 + 540.0)


def test_a_class_that_was_not_asked_for_long_gets_the_next_start() -> None:
    known = scarce.in_vain(PLENTY, T0, T0 + 180.0)
    assert scarce.now_known(known, known.asks_at) is known
    assert scarce.now_known(known, known.asks_at + SCARCE_FORGOTTEN_SECONDS) == PLENTY


def test_what_is_known_of_classes_outlasts_a_restart() -> None:
    spec = spec_of()
    known = arms.prepared(NO_ARMS, (60.0, 90.0))
    first = known.fallbacks[0]
    for number in range(12):
        first = arms.learn(first, StartSample(f"pod-{number}", T0, T0 + 50.0, ready_at=T0 + 50.0 + number))
    short = scarce.in_vain(PLENTY, T0, T0 + 180.0)
    known = known._replace(fallbacks=(first, known.fallbacks[1]), scarce=(short, PLENTY, PLENTY))
    saved = save(initial_state(T0, spec)._replace(arms=known))
    assert len(saved) <= 4096
    found = arms.prepared(restore(saved, T0 + 200.0, spec).arms, (60.0, 90.0))
    assert found.scarce == (short, PLENTY, PLENTY)
    assert list(found.fallbacks[0].starts.seconds) == [52.0 + number for number in range(10)]
    assert found.fallbacks[1].starts.prior_seconds == 90.0


def test_a_pool_without_fallbacks_is_saved_as_before() -> None:
    spec = spec_of()
    state = initial_state(T0, spec)
    assert restore(save(state), T0, spec).arms == NO_ARMS
    assert save(state) == save(state._replace(arms=NO_ARMS))


@given(st.lists(st.integers(-(2**62), 2**62), max_size=60))
def test_garbage_is_refused_or_harmless(numbers: list[int]) -> None:
    try:
        found = arms.from_numbers(numbers, T0)
    except ValueError:
        return
    assert len(found.scarce) <= 5
    assert all(each.asks_at <= T0 + 600.0 for each in found.scarce)
