"""What replicas take by when: a new one in rounds, one that has worked for long evenly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.policy.capacity import MOST_BATCHES, Capacity, batches, rounds, services_for

NOW = 1_700_000_000.0


def new(slots: int, service_seconds: float, *ready_in: float) -> Capacity:
    """Replicas that are starting, with requests of this length."""
    return Capacity(0.0, 0, batches(NOW + seconds for seconds in ready_in), slots, slots / service_seconds)


@pytest.mark.parametrize(
    ("capacity", "within_seconds", "taken"),
    [
        (new(4, 60.0, 0.0), 0.0, 4),
        (new(4, 60.0, 0.0), 45.0, 4),
        (new(4, 60.0, 0.0), 52.5, 6),
        (new(4, 60.0, 0.0), 60.0, 8),
        (new(4, 60.0, 0.0), 105.0, 8),
        (new(4, 60.0, 0.0), 120.0, 12),
        (new(4, 60.0, 20.0), 10.0, 0),
        (new(4, 60.0, 20.0), 80.0, 8),
        (new(4, 60.0, 0.0, 60.0), 60.0, 12),
        (new(4, 60.0, 0.0, 60.0, 0.0), 60.0, 20),
        # Short requests: within half a round as many as a fluid.
        (new(4, 1.0, 0.0), 60.0, 244),
        (new(4, 1.0, 0.0), 60.5, 244),
        # A replica that works has slots that get free evenly.
        (Capacity(0.0, 1, (), 4, 4 / 60.0), 15.0, 1),
        (Capacity(2.0, 1, (), 4, 4 / 60.0), 15.0, 3),
        (Capacity(2.0, 1, (), 4, 4 / 60.0), -5.0, 2),
        # One that is late by less than a second counts as in time.
        (new(4, 60.0, 30.9), 30.0, 4),
        (new(4, 60.0, 31.1), 30.0, 0),
    ],
)
def test_requests_that_will_have_been_taken(capacity: Capacity, within_seconds: float, taken: float) -> None:
    assert capacity.takes(NOW, NOW + within_seconds) == pytest.approx(taken, abs=1e-3)


@pytest.mark.parametrize(
    ("slots", "service_seconds", "requests", "seconds"),
    [
        (4, 40.0, 1, 0.0),
        (4, 40.0, 4, 0.0),
        (4, 40.0, 5, 32.5),
        (4, 40.0, 8, 40.0),
        (4, 40.0, 9, 72.5),
        (1, 2.0, 3, 4.0),
        (16, 1.0, 160, 9.0),
    ],
)
def test_seconds_in_which_a_new_replica_takes_so_many_requests(
    slots: int, service_seconds: float, requests: int, seconds: float
) -> None:
    capacity = new(slots, service_seconds)
    assert capacity.seconds_for(requests) == pytest.approx(seconds)
    assert capacity.takes_within(seconds) >= requests - 1e-6
    if seconds:
        assert capacity.takes_within(seconds - 0.1) < requests


capacities = st.builds(
    Capacity,
    free=st.floats(0.0, 8.0),
    ready=st.integers(2, 5),
    coming=st.lists(st.floats(-5.0, 300.0).map(lambda after: NOW + after), max_size=4).map(batches),
    slots=st.sampled_from((1, 4, 16)),
    rate=st.sampled_from((0.01, 0.36, 5.0)),
)


@given(capacities, st.floats(-10.0, 900.0), st.floats(0.0, 300.0))
def test_more_time_never_takes_fewer_requests(capacity: Capacity, seconds: float, more: float) -> None:
    sooner = capacity.takes(NOW, NOW + seconds)
    assert capacity.takes(NOW, NOW + seconds + more) >= sooner - 1e-6


@given(st.floats(0.0, 1e4), st.floats(0.0, 1e-3))
def test_rounds_are_never_ahead_of_a_fluid_nor_a_whole_round_behind_and_do_not_jump(
    services: float, step: float
) -> None:
    assert services - 1.0 <= rounds(services) <= services + 1e-9
    assert rounds(services) - 1e-9 <= rounds(services + step) <= rounds(services) + 4.0 * step + 1e-9


@given(st.floats(0.0, 1e3))
def test_the_service_times_for_a_number_of_rounds_are_the_fewest(wanted: float) -> None:
    services = services_for(wanted)
    assert rounds(services) == pytest.approx(wanted, abs=1e-6)
    assert services < 1e-3 or rounds(services - 1e-3) < wanted


def test_replicas_that_start_together_cost_a_plan_no_more_than_one() -> None:
    assert batches([NOW] * 500 + [NOW + 1.0]) == ((NOW, 500), (NOW + 1.0, 1))


@given(st.lists(st.floats(0.0, 100.0), min_size=MOST_BATCHES + 1, max_size=300))
def test_of_many_starts_neighbours_are_taken_together(ready_in: list[float]) -> None:
    found = batches(NOW + seconds for seconds in ready_in)
    assert len(found) <= MOST_BATCHES
    assert sum(batch.replicas for batch in found) == len(ready_in)
    mean = sum(batch.replicas * (batch.ready_at - NOW) for batch in found) / len(ready_in)
    assert mean == pytest.approx(sum(ready_in) / len(ready_in), abs=1e-3)
