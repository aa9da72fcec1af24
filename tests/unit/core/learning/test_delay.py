"""For how long a start may wait, by the requests that will come meanwhile."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.core.learning import delay, gaps
from poolkeeper.core.learning.delay import Line
from poolkeeper.core.learning.gaps import Gaps
from poolkeeper.core.learning.starts.start_time import StartTimes
from tests.unit.core.strategies import T0, spec_of, taught

STARTS = taught(spec_of(), (90.0,) * 40).starts
JOBS = Line(waiting=1, slots=1, service_seconds=60.0, patience=120.0)
"""The fastest of the starts of 90 s leaves 34 s for a delay, and the first job takes 60 s."""


def met(*lengths: float) -> Gaps:
    """What a pool knows after these gaps, 40 times over."""
    known, at = gaps.initial(), T0
    for length in lengths * 40:
        at += length
        known = gaps.arrive(known, at, 1)
    return known


@pytest.mark.parametrize(
    ("lengths", "line", "risk", "expected"),
    [
        # The next job never comes within the hour: it waits for nobody.
        ((3600.0,), JOBS, 0.05, (34.0, 35.0)),
        # It comes after some 45 s, and is in time if the start begins within 15 s.
        ((45.0, 3600.0), JOBS, 0.05, (3.0, 15.0)),
        ((45.0, 3600.0), JOBS, 1.2, (34.0, 35.0)),
        # It comes after 10 s, and is late even if the start begins at once: no delay makes it so.
        ((10.0, 3600.0), JOBS._replace(service_seconds=110.0), 0.05, (34.0, 35.0)),
        # Two replicas, or jobs of 2 s, leave nobody waiting for the first job.
        ((45.0, 3600.0), JOBS._replace(slots=2), 0.05, (34.0, 35.0)),
        ((45.0, 3600.0), JOBS._replace(service_seconds=2.0), 0.05, (34.0, 35.0)),
        # Three that wait already are 180 s of work: who comes within a minute after them is late in any case.
        ((45.0, 3600.0), JOBS._replace(waiting=3), 0.05, (34.0, 35.0)),
        # Nothing is relied on before five gaps were seen.
        ((), JOBS, 0.05, (34.0, 35.0)),
    ],
)
def test_a_start_waits_until_those_who_come_would_be_late_by_it(
    lengths: tuple[float, ...], line: Line, risk: float, expected: tuple[float, float]
) -> None:
    assert expected[0] <= delay.longest(met(*lengths), STARTS, line, risk) <= expected[1]


@st.composite
def situations(draw: st.DrawFn) -> tuple[Gaps, StartTimes, Line]:
    known, at = gaps.initial(), T0
    for length in draw(st.lists(st.floats(0.1, 4_000.0), max_size=30)):
        at += length
        known = gaps.arrive(known, at, draw(st.integers(1, 5)))
    state = taught(spec_of(), tuple(draw(st.lists(st.floats(1.0, 300.0), max_size=8))))
    line = Line(
        draw(st.integers(1, 200)),
        draw(st.integers(1, 64)),
        draw(st.floats(0.01, 2_000.0)),
        draw(st.floats(0.5, 600.0)),
    )
    return known, state.starts, line


risks = st.floats(0.0, 10.0)


@given(situations(), risks, risks)
def test_a_start_that_may_risk_more_waits_no_shorter(
    situation: tuple[Gaps, StartTimes, Line], risk: float, other: float
) -> None:
    shorter, longer = sorted((risk, other))
    least, most = delay.longest(*situation, shorter), delay.longest(*situation, longer)
    assert 0.0 <= least <= most
    assert math.isfinite(most)
