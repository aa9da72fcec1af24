"""When replicas go although the pool is not idle."""

import pytest

from poolkeeper.core.learning.load import Average, Load
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Reason
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught


def settled(drains: bool, peak: int) -> PoolState:
    """A pool that has needed `peak` replicas for long and has one request in flight."""
    state = taught(spec_of(8, drains=drains), (30.0,) * 6)
    one = Average(in_flight=1.0)
    busy = Load(one, one, peak=peak, peak_before=peak, window_began_at=T0 - 5.0)
    return state._replace(load=busy)


@pytest.mark.parametrize(
    ("drains", "in_flight", "starting", "peak", "expected", "reason"),
    [
        (True, 1, (), 2, 2, Reason.STOP_SURPLUS),
        (True, 1, (), 4, 4, Reason.BUSY),
        (False, 1, (), 2, 4, Reason.BUSY),
        (True, 1, (40.0,), 2, 4, Reason.START_OVERDUE),
    ],
)
def test_surplus_goes_only_where_that_cannot_hit_work(
    drains: bool, in_flight: int, starting: tuple[float, ...], peak: int, expected: int, reason: Reason
) -> None:
    target = replicas(4, starting_for=starting)
    decision, _ = decide(
        T0, spec_of(8, drains=drains), observe(reading(T0, (), in_flight), target), settled(drains, peak)
    )
    assert (decision.replicas, decision.reason) == (expected, reason)


def test_surplus_is_never_stopped_on_unknown_demand() -> None:
    stale = observe(reading(T0 - 60.0, (), 1), replicas(4))
    decision, _ = decide(T0, spec_of(8, drains=True), stale, settled(drains=True, peak=1))
    assert (decision.replicas, decision.reason) == (4, Reason.DEMAND_UNKNOWN)
