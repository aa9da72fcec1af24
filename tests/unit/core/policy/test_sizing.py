"""The plan of starts skips what can't matter; here every bucket is looked at, and both must agree exactly."""

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.policy.capacity import Batch, Capacity, batches
from poolkeeper.core.policy.shortage import Need
from poolkeeper.core.policy.sizing import NOTHING, StartPlan, plan
from poolkeeper.core.tuning import LATE_START_TOLERANCE_SECONDS, QUEUE_FILL_LIMIT, START_TIME_REUSE_FACTOR
from poolkeeper.core.values.observation import ArrivalBucket

NOW = 1_700_000_000.0


def looked_through(now: float, need: Need, capacity: Capacity, growth: float, most: int) -> StartPlan:
    """The plan, bucket by bucket."""
    short: list[tuple[float, float, float, bool]] = []
    seconds = counted = first_seconds = 0.0
    nothing = NOTHING
    for bucket, due in zip(need.waiting, need.cumulative_requests, strict=True):
        deadline = bucket.arrived_at + need.patience
        requests = due - (capacity.takes(now, deadline) if deadline > now else capacity.free)
        if requests <= 0.0:
            continue
        if requests > START_TIME_REUSE_FACTOR * counted:
            counted, seconds = requests, need.start_seconds(requests)
        is_late = deadline < now + seconds - LATE_START_TOLERANCE_SECONDS
        start_seconds = seconds
        if is_late:
            start_seconds = min(seconds, need.usual_seconds)
            deadline = now + start_seconds + need.grace
            unhelped, requests = requests, due - capacity.takes(now, deadline)
            if requests <= 0.0:
                nothing = NOTHING._replace(unhelped=math.ceil(unhelped), start_seconds=start_seconds)
        if requests > 0.0:
            short.append((deadline, requests, start_seconds, is_late))
            first_seconds = first_seconds or seconds
    if not short:
        return nothing
    more = 1
    for deadline, requests, start_seconds, is_late in short:
        seconds = start_seconds if is_late else min(start_seconds, need.sizing_seconds)
        taken = capacity.takes_within(deadline - now - seconds + LATE_START_TOLERANCE_SECONDS)
        more = max(more, math.ceil(requests / taken - 1e-9))
    added = max(min(more, most), 1)
    late = [requests for _, requests, _, is_late in short if is_late]
    start_at = now if late else min(latest_start(each, added, capacity) for each in short)
    if growth > 0.0:
        replicas = capacity.ready + sum(batch.replicas for batch in capacity.coming) + added
        room = QUEUE_FILL_LIMIT * need.patience * capacity.rate * replicas - sum(
            bucket.requests for bucket in need.waiting
        )
        start_at = min(start_at, now + room / growth - first_seconds)
    return StartPlan(more, start_at, short[0][0], first_seconds, math.ceil(late[-1]) if late else 0)


def latest_start(short: tuple[float, float, float, bool], added: int, capacity: Capacity) -> float:
    deadline, requests, seconds, _ = short
    return deadline - capacity.seconds_for(requests / added) - seconds


@st.composite
def capacities(draw: st.DrawFn) -> Capacity:
    ready = draw(st.sampled_from((0, 0, 1, 3)))
    slots = draw(st.sampled_from((1, 4, 16)))
    return Capacity(
        free=draw(st.floats(0.0, ready * slots)),
        ready=ready,
        coming=batches(NOW + after for after in draw(st.lists(st.floats(-5.0, 300.0), max_size=3))),
        slots=slots,
        rate=draw(st.sampled_from((0.01, 0.36, 5.0))),
    )


@st.composite
def needs(draw: st.DrawFn) -> Need:
    age = draw(st.floats(0.0, 60.0))
    waiting: list[ArrivalBucket] = []
    for apart, requests in draw(
        st.lists(st.tuples(st.floats(0.0, 20.0), st.sampled_from((1, 1, 2, 30))), max_size=64)
    ):
        waiting.append(ArrivalBucket(NOW - age, requests))
        age += apart
    waiting.reverse()
    fastest, slope = draw(st.floats(1.0, 200.0)), draw(st.sampled_from((0.0, 10.0, 40.0)))
    return Need(
        waiting=tuple(waiting),
        cumulative_requests=tuple(accumulate(bucket.requests for bucket in waiting)),
        patience=draw(st.floats(0.5, 900.0)),
        grace=draw(st.floats(0.0, 200.0)),
        usual_seconds=draw(st.floats(1.0, 400.0)),
        start_seconds=lambda requests: fastest + slope * math.log1p(requests),
        sizing_seconds=draw(st.floats(1.0, 400.0)),
    )


@given(needs(), capacities(), st.sampled_from((0.0, 0.5, 20.0)), st.integers(-1, 12))
def test_passing_over_what_cannot_matter_changes_no_plan(
    need: Need, capacity: Capacity, growth: float, most: int
) -> None:
    planned = plan(NOW, need, capacity, growth, most)
    assert planned._replace(taken_in=0.0) == looked_through(NOW, need, capacity, growth, most)
    if planned.unhelped:
        assert capacity.takes(NOW, NOW + planned.taken_in) >= planned.unhelped


@pytest.mark.parametrize("cautious_seconds", [95.0, 150.0, 455.0])
def test_that_starts_may_take_long_makes_no_replica_seem_unneeded(cautious_seconds: float) -> None:
    one_starts = Capacity(free=0.0, ready=0, coming=(Batch(NOW + 80.0, 1),), slots=4, rate=4.0)
    need = Need(
        waiting=(ArrivalBucket(NOW, 400),),
        cumulative_requests=(400,),
        patience=90.0,
        grace=30.0,
        usual_seconds=91.0,
        start_seconds=lambda _: cautious_seconds,
        sizing_seconds=cautious_seconds,
    )
    assert plan(NOW, need, one_starts, growth=0.0, most=40).more == 2


@pytest.mark.parametrize(("sizing_seconds", "replicas"), [(80.0, 1), (100.0, 2), (119.0, 8)])
def test_the_number_is_planned_with_a_start_that_is_likely_enough(
    sizing_seconds: float, replicas: int
) -> None:
    """30 requests that must be taken within 120 s, and a start that takes 119 s in the worst case: it begins
    at once, and only where that case is likely enough with a slot for each request."""
    none = Capacity(free=0.0, ready=0, coming=(), slots=4, rate=1.0)
    need = Need(
        waiting=(ArrivalBucket(NOW, 30),),
        cumulative_requests=(30,),
        patience=120.0,
        grace=30.0,
        usual_seconds=80.0,
        start_seconds=lambda _: 119.0,
        sizing_seconds=sizing_seconds,
    )
    planned = plan(NOW, need, none, growth=0.0, most=40)
    assert (planned.more, planned.late) == (replicas, 0)
    assert planned.start_at <= NOW + 1.0


@given(needs(), capacities(), st.floats(-5.0, 300.0), st.booleans())
def test_more_capacity_never_asks_for_more_replicas(
    need: Need, capacity: Capacity, ready_in: float, is_ready: bool
) -> None:
    """Where the start time does not depend on how many requests depend on it."""
    need = need._replace(start_seconds=lambda _: need.usual_seconds)
    larger = capacity._replace(coming=(*capacity.coming, Batch(NOW + ready_in, 1)))
    if is_ready:
        larger = capacity._replace(ready=capacity.ready + 1, free=capacity.free + capacity.slots)
    assert plan(NOW, need, larger, 0.0, 12).more <= plan(NOW, need, capacity, 0.0, 12).more
