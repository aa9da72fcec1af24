"""What stops show about the silence of a source: the first request after each speaks for it or against it."""

import pytest

from poolkeeper.core.learning.silence import Doubt, Silence, Stop, disbelieved, see, stopped, watch
from poolkeeper.core.tuning import BLIND_SECONDS, BLIND_STOPS, RETEST_SECONDS
from poolkeeper.core.values.demand import Workload, distrust, survey
from poolkeeper.core.values.observation import ArrivalBucket, Observation, Reading, Replicas
from poolkeeper.core.values.spec import PoolSpec, SourceSpec
from tests.unit.core.strategies import T0

LIST = SourceSpec("list", sees_in_flight=False, max_service_seconds=30.0)
STREAM = SourceSpec("stream")
SPEC = PoolSpec(max_replicas=2, budget_seconds=10.0, sources=(LIST, STREAM))
ZERO = Replicas(0, 0)
ONCE = (Doubt("list", 1),)
POLLED = PoolSpec(
    max_replicas=2, budget_seconds=10.0, sources=(LIST, SourceSpec("stream", counts_taken=False))
)
SHORT = (Doubt("stream", 1),)
BLIND = (Doubt("list", BLIND_STOPS, BLIND_SECONDS, T0 + BLIND_SECONDS),)


def read(source: str, at: float, *came_at: float, quiet_seconds: float | None = None) -> Reading:
    waiting = tuple(ArrivalBucket(each, 1) for each in came_at)
    in_flight = None if source == "list" else 0
    return Reading(
        source,
        at,
        len(waiting),
        in_flight,
        waiting=waiting,
        arrived=len(waiting),
        quiet_seconds=quiet_seconds,
    )


def demand(at: float, *readings: Reading) -> Workload:
    return survey(at, SPEC, Observation(readings, ZERO), 0.0)


def first_request(
    silence: Silence, gone_for: float, *, source: str = "list", doubts: tuple[Doubt, ...] = ()
) -> tuple[Doubt, ...]:
    """What is thought after a stop that followed 20 s of silence, and after the first request then."""
    silence = silence._replace(doubts=doubts, stop=Stop(20.0, T0))
    before = (read("list", T0), read("stream", T0))
    silence = watch(T0, SPEC, silence, demand(T0, *before), ZERO, before)
    at = T0 + gone_for
    other = "stream" if source == "list" else "list"
    came = (read(source, at, at), read(other, at))
    return watch(at, SPEC, silence, demand(at, *came), ZERO, before).doubts


@pytest.mark.parametrize(
    ("doubts", "gone_for", "after"),
    [
        ((), 1.0, ONCE),
        ((), 4.0, ONCE),
        ((), 4.5, ()),
        ((), 3600.0, ()),
        (ONCE, 3600.0, ()),
        (ONCE, 0.0, BLIND),
    ],
)
def test_a_request_that_comes_soon_after_a_stop_speaks_against_the_silence_before_it(
    doubts: tuple[Doubt, ...], gone_for: float, after: tuple[Doubt, ...]
) -> None:
    """Soon is within a fifth of the silence, and twice in a row is enough."""
    assert first_request(Silence(), gone_for, doubts=doubts) == after


def jobs(*lasted: float) -> Silence:
    """What is known after so many jobs of a processing list, each seen in flight for so long."""
    silence = Silence()
    for seconds in lasted:
        silence = see(silence, "stream", seconds, completed=1)
    return silence


@pytest.mark.parametrize(
    ("lasted", "after", "is_held"),
    [
        ((), (), True),
        ((0.0,), SHORT, True),
        ((0.5,) * 9, SHORT, True),
        ((0.7,) * 9, SHORT, True),
        ((0.0, *(0.5,) * 9), SHORT, True),
        ((0.8,) * 9, (), False),
        ((30.0,), (), False),
        ((30.0, *(0.5,) * 100), SHORT, True),
        ((*(0.5,) * 100, 30.0), (), False),
    ],
)
def test_a_source_that_is_polled_is_tested_while_its_jobs_may_be_done_between_two_polls(
    lasted: tuple[float, ...], after: tuple[Doubt, ...], is_held: bool
) -> None:
    """Polls are 0.5 s apart. Before any job is known nothing is learned, and what was saved stands."""
    silence = jobs(*lasted)._replace(stop=Stop(20.0, T0, T0))
    before = (read("list", T0), read("stream", T0))
    came = (read("list", T0 + 1.0), read("stream", T0 + 1.0, T0 + 1.0))
    assert watch(T0 + 1.0, POLLED, silence, demand(T0 + 1.0, *came), ZERO, before).doubts == after
    blind = Doubt("stream", BLIND_STOPS, BLIND_SECONDS, T0 + BLIND_SECONDS)
    held = disbelieved(T0, POLLED, silence._replace(doubts=(blind,)), Replicas(1, 1))
    assert held == ({"stream": blind.until} if is_held else {})


@pytest.mark.parametrize(("silent_seconds", "after"), [(2.4, ()), (2.5, SHORT)])
def test_a_silence_of_a_few_polls_shows_nothing_where_polls_see_some_requests(
    silent_seconds: float, after: tuple[Doubt, ...]
) -> None:
    silence = jobs(0.5)._replace(stop=Stop(silent_seconds, T0, T0))
    before = (read("list", T0), read("stream", T0))
    came = (read("list", T0), read("stream", T0, T0))
    assert watch(T0, POLLED, silence, demand(T0, *came), ZERO, before).doubts == after


@pytest.mark.parametrize(("came_at", "after"), [(4.0, ONCE), (60.0, ())])
def test_a_replica_that_no_look_saw_go_may_have_been_gone_since_the_stop(
    came_at: float, after: tuple[Doubt, ...]
) -> None:
    before = (read("list", T0), read("stream", T0))
    at = T0 + came_at
    came = (read("list", at, at), read("stream", at))
    assert watch(at, SPEC, Silence(stop=Stop(20.0, T0)), demand(at, *came), ZERO, before).doubts == after


def test_the_time_until_the_next_test_doubles_up_to_a_day() -> None:
    doubts: tuple[Doubt, ...] = ONCE
    seconds = []
    for _ in range(8):
        doubts = first_request(Silence(), 0.0, doubts=doubts)
        assert doubts[0].until == T0 + doubts[0].seconds
        seconds.append(doubts[0].seconds)
    assert seconds == [min(BLIND_SECONDS * 2**number, RETEST_SECONDS) for number in range(8)]


def test_a_request_to_another_source_says_nothing_about_this_one() -> None:
    assert first_request(Silence(), 1.0, source="stream", doubts=ONCE) == ONCE
    assert first_request(Silence(), 3600.0, source="stream", doubts=BLIND) == BLIND


def test_the_time_at_zero_begins_when_the_last_replica_is_gone() -> None:
    """One that drains for a minute takes jobs, or is stopped while it works."""
    before = (read("list", T0), read("stream", T0))
    silence = Silence(stop=Stop(20.0, T0))
    draining = Replicas(0, 0, terminating=1)
    for replicas, at in ((draining, T0), (draining, T0 + 60.0), (ZERO, T0 + 61.0)):
        silence = watch(at, SPEC, silence, demand(at, *before), replicas, before)
    came = (read("list", T0 + 62.0, T0 + 62.0), read("stream", T0 + 62.0))
    assert watch(T0 + 62.0, SPEC, silence, demand(T0 + 62.0, *came), ZERO, before).doubts == ONCE


def test_a_pool_that_is_started_without_a_request_shows_nothing() -> None:
    before = (read("list", T0), read("stream", T0))
    silence = Silence(doubts=ONCE, stop=Stop(20.0, T0))
    started = watch(T0, SPEC, silence, demand(T0, *before), Replicas(1, 0), before)
    assert started == Silence(doubts=ONCE)


@pytest.mark.parametrize(
    ("doubts", "idle_since", "stop"),
    [
        ((), T0 - 20.0, Stop(20.0, T0)),
        (ONCE, T0 - 20.0, Stop(20.0, T0)),
        ((), None, None),
        (BLIND, T0 - 20.0, None),
    ],
)
def test_only_a_stop_after_a_silence_that_was_believed_is_a_test(
    doubts: tuple[Doubt, ...], idle_since: float | None, stop: Stop | None
) -> None:
    assert stopped(T0, Silence(doubts), idle_since) == Silence(doubts, stop)


@pytest.mark.parametrize(
    ("replicas", "at", "blind"),
    [
        (Replicas(1, 1), T0, {"list": T0 + BLIND_SECONDS}),
        (Replicas(1, 1), T0 + BLIND_SECONDS, {}),
        (ZERO, T0, {}),
        (None, T0, {}),
    ],
)
def test_at_zero_and_after_a_time_silence_is_believed(
    replicas: Replicas | None, at: float, blind: dict[str, float]
) -> None:
    assert disbelieved(at, SPEC, Silence(BLIND), replicas) == blind


@pytest.mark.parametrize(
    ("quiet_seconds", "queued_at", "reason", "silent_since"),
    [
        (None, (), "ArrivalsUnseen", None),
        (0.0, (), "ArrivalsUnseen", None),
        (29.0, (), "ArrivalsUnseen", None),
        (30.0, (), "InFlightUnseen", T0),
        (30.0, (T0 - 1.0,), "InFlightUnseen", T0),
        (None, (T0 - 1.0,), "InFlightUnseen", T0),
    ],
)
def test_silence_of_a_blind_source_is_believed_once_workers_have_waited_as_long_as_a_request_may_take(
    quiet_seconds: float | None, queued_at: tuple[float, ...], reason: str, silent_since: float | None
) -> None:
    """A request that waits is seen in any case. The other source has been silent for a moment only."""
    readings = (read("list", T0, *queued_at, quiet_seconds=quiet_seconds), read("stream", T0))
    workload = distrust(demand(T0, *readings), SPEC, {"list": T0 + 100.0})
    assert workload.verdict.reason == reason
    if silent_since is None:
        assert not workload.is_known
        left = 30.0 - (quiet_seconds or 0.0)
        assert workload.believed_at == T0 + (100.0 if quiet_seconds is None else left)
    else:
        assert workload.silent_since == silent_since


def test_a_blind_source_alone_is_silent_for_as_long_as_its_workers_have_waited() -> None:
    alone = PoolSpec(max_replicas=2, budget_seconds=10.0, sources=(LIST,))
    empty = Observation((read("list", T0, quiet_seconds=45.0),), Replicas(1, 1))
    workload = distrust(survey(T0, alone, empty, 0.0), alone, {"list": T0 + 100.0})
    assert workload.silent_since == T0 - 45.0
