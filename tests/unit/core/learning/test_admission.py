"""Waits for admission: learned by what holds a replica, and never as the time of a start."""

from array import array
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.starts import admission
from poolkeeper.core.learning.starts.admission import Admission, Short, expected_wait, follow, is_short
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import initial_state, learn
from poolkeeper.core.tuning import FIRST_ADMISSION_SECONDS, REMEMBERED_ADMISSIONS
from poolkeeper.core.values.admission import (
    ADMISSION_REFUSED,
    CAUSES,
    NODE_PROVISIONING,
    QUOTA_EXCEEDED,
    SCHEDULING_GATED,
    UNSCHEDULABLE,
    AdmissionCause,
    cause_of,
)
from poolkeeper.core.values.observation import Replicas, Stage, StartingReplica
from tests.unit.core.strategies import T0, spec_of

GATE, QUOTA, NO_NODE, PROVISIONING, OTHER = CAUSES
SPEC = spec_of()


def held(reason: str, asked_at: float = T0, pod: str = "chat-1") -> StartingReplica:
    """A replica that is not admitted, for this reason."""
    return StartingReplica(asked_at, Stage.UNADMITTED, failure=reason, pod=pod)


def loading(begun_at: float, asked_at: float = T0, pod: str = "chat-1") -> StartingReplica:
    """A replica that has a node since this instant."""
    return StartingReplica(asked_at, Stage.NO_CONTAINER, begun_at, pod=pod)


def seen(*looks: tuple[float, Replicas], known: Admission | None = None) -> Admission:
    """What is known after some looks, each at so many seconds after T0."""
    known = known or Admission()
    before: tuple[int | None, int | None] = (None, None)
    for seconds, replicas in looks:
        known = follow(known, T0 + seconds, replicas, before)
        before = replicas.desired, replicas.ready
    return known


def of(known: Admission, cause: AdmissionCause) -> list[float]:
    """The waits that are remembered of a cause, in seconds."""
    return list(known.waits[CAUSES.index(cause)])


def one(*starting: StartingReplica, ready: int = 0) -> Replicas:
    return Replicas(len(starting) + ready, ready, starting)


def waits(cause: AdmissionCause, *seconds: float) -> Admission:
    """Waits of one cause that ended, oldest first."""
    return Admission(tuple(array("d", seconds if each is cause else ()) for each in CAUSES))


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (SCHEDULING_GATED, GATE),
        (QUOTA_EXCEEDED, QUOTA),
        (UNSCHEDULABLE, NO_NODE),
        (NODE_PROVISIONING, PROVISIONING),
        (ADMISSION_REFUSED, OTHER),
        ("SchedulerError", OTHER),
    ],
)
def test_a_wait_is_learned_once_and_by_its_cause(reason: str, cause: AdmissionCause) -> None:
    assert cause_of(reason) is cause
    looks = [(seconds, one(held(reason))) for seconds in (0.0, 60.0, 600.0)]
    known = seen(*looks, (601.0, one(loading(T0 + 600.5))), (640.0, one(ready=1)))
    assert of(known, cause) == [600.5]
    assert sum(map(len, known.waits)) == 1
    assert not known.waiting


def test_a_replica_of_which_nothing_says_what_holds_it_is_not_followed() -> None:
    assert cause_of("") is OTHER
    known = seen((60.0, one(held("", pod=""))), (600.0, one(held(""))), (640.0, one(ready=1)))
    assert known == Admission()
    known = seen((60.0, one(held("", pod=""))), (70.0, one(held(QUOTA_EXCEEDED, pod=""))))
    assert [(wait.cause, wait.since) for wait in known.waiting] == [(QUOTA, T0)]


def test_an_admission_at_once_is_no_wait() -> None:
    known = seen((0.0, one(held(""))), (3.0, one(loading(T0))), (40.0, one(ready=1)))
    assert known == Admission()


def test_a_quota_that_lifts_is_learned_when_the_pod_has_a_node() -> None:
    refused = one(held(QUOTA_EXCEEDED, pod=""))
    known = seen((10.0, refused), (900.0, refused), (901.0, one(held("", pod="chat-7"))))
    known = seen((902.0, one(loading(T0 + 901.5, pod="chat-7"))), known=known)
    assert of(known, QUOTA) == [901.5]


def test_each_cause_has_its_own_part_of_a_wait() -> None:
    known = seen(
        (10.0, one(held(SCHEDULING_GATED))),
        (1800.0, one(held(UNSCHEDULABLE))),
        (1830.0, one(held(NODE_PROVISIONING))),
        (2000.0, one(loading(T0 + 1990.0))),
    )
    assert of(known, GATE) == [1800.0]
    assert of(known, NO_NODE) == [], "the node was on its way"
    assert of(known, PROVISIONING) == [190.0]


def test_a_replica_that_was_admitted_and_ready_between_two_looks_has_waited() -> None:
    known = seen((10.0, one(held(SCHEDULING_GATED))), (60.0, one(ready=1)))
    assert of(known, GATE) == [60.0]


def test_a_pod_that_is_made_again_goes_on_waiting() -> None:
    known = seen(
        (10.0, one(held(SCHEDULING_GATED))),
        (300.0, one(held(SCHEDULING_GATED, T0 + 290.0, "chat-2"))),
        (600.0, one(held(SCHEDULING_GATED, T0 + 290.0, "chat-2"))),
        (700.0, one(loading(T0 + 700.0, T0 + 290.0, "chat-2"))),
    )
    assert of(known, GATE) == [700.0]


def test_what_was_taken_back_counts_as_at_least_so_long_until_one_is_admitted() -> None:
    known = seen((10.0, one(held(UNSCHEDULABLE))), (900.0, Replicas(0, 0)))
    assert of(known, NO_NODE) == [-900.0]
    assert known.short == Short(NO_NODE, T0, T0 + 900.0)
    soon, later = (expected_wait(known, T0 + 900.0 + seconds) for seconds in (10.0, 86_400.0))
    assert soon > 300.0
    assert later > 0.0
    again = admission.started(known, T0 + 2000.0, was_held=False)
    assert again.short is None
    assert expected_wait(again, T0 + 2000.0) == 0.0
    assert admission.started(known, T0 - 60.0, was_held=False).short is not None, "that one came before"


def test_before_any_wait_was_seen_a_guess_stands_for_it() -> None:
    for cause, seconds in zip(CAUSES, FIRST_ADMISSION_SECONDS, strict=True):
        assert expected_wait(Admission(), T0, cause) == pytest.approx(seconds)
    assert expected_wait(Admission(), T0) == 0.0
    assert not is_short(Admission())


@pytest.mark.parametrize(
    ("known", "waited_seconds", "least", "most"),
    [
        (waits(PROVISIONING, *(150.0, 160.0, 155.0) * 2), 0.0, 145.0, 165.0),
        (waits(PROVISIONING, *(150.0, 160.0, 155.0) * 2), 100.0, 40.0, 80.0),
        (waits(PROVISIONING, *(150.0, 160.0, 155.0) * 2), 1000.0, 500.0, 500.0),
        (waits(GATE, 600.0, 900.0, 1500.0), 0.0, 900.0, 1000.0),
        (waits(GATE, 600.0, 900.0, 1500.0), 1200.0, 300.0, 420.0),
    ],
)
def test_the_expected_wait_is_what_is_left_of_the_waits_that_were_seen(
    known: Admission, waited_seconds: float, least: float, most: float
) -> None:
    cause = next(each for each in CAUSES if known.is_seen(each))
    assert least <= expected_wait(known, T0, cause, waited_seconds) <= most


def test_the_replica_that_waits_says_how_long_the_next_one_will() -> None:
    known = waits(PROVISIONING, *(150.0, 160.0, 155.0) * 2)
    now = T0 + 100.0
    known = follow(known, now, one(held(NODE_PROVISIONING)), (1, 0))
    assert 40.0 <= expected_wait(known, now) <= 80.0
    assert is_short(known)


def test_what_still_waits_makes_the_wait_longer_once_it_outlasts_the_median() -> None:
    known = waits(GATE, 60.0, 70.0, 65.0)
    now = T0 + 3600.0
    shown = follow(known, now, one(held(SCHEDULING_GATED)), (1, 0))
    assert expected_wait(shown, now, GATE) > 2 * expected_wait(known, now, GATE)
    assert admission.spread(shown, GATE, now) == (65.0, 3600.0)
    assert admission.spread(known, GATE, now) == (65.0, 70.0)
    assert admission.spread(known, QUOTA, now) is None


def test_the_last_starts_say_whether_the_next_one_is_held() -> None:
    known = waits(GATE, *(600.0,) * 5)
    for _ in range(5):
        known = admission.started(known, T0, was_held=True)
    often = expected_wait(known, T0)
    for _ in range(3):
        known = admission.started(known, T0, was_held=False)
    assert 400.0 < often < 600.0
    assert expected_wait(known, T0) < often / 2
    for _ in range(20):
        known = admission.started(known, T0, was_held=False)
    assert expected_wait(known, T0) == 0.0


def test_waits_of_other_pools_stand_for_the_guess() -> None:
    others = [waits(PROVISIONING, 80.0, 90.0), waits(GATE, 30.0)]
    known = admission.share(Admission(), others)
    assert expected_wait(known, T0, PROVISIONING) == pytest.approx(85.0, abs=2.0)
    assert expected_wait(known, T0, QUOTA) == pytest.approx(600.0)
    assert admission.share(known, others) is known
    assert admission.share(known, ()) == Admission()


def test_only_the_last_waits_are_remembered() -> None:
    known = Admission()
    for number in range(20):
        begin = 1000.0 * number
        gated = held(SCHEDULING_GATED, T0 + begin, f"chat-{number}")
        admitted = loading(T0 + begin + 100.0 + number, T0 + begin, f"chat-{number}")
        known = seen((begin + 50.0, one(gated)), (begin + 200.0, one(admitted)), known=known)
    assert of(known, GATE) == [100.0 + number for number in range(12, 20)]
    assert REMEMBERED_ADMISSIONS == 8


def test_all_causes_together_keep_few_waits() -> None:
    known = Admission()
    for number in range(8):
        for at, reason in enumerate((SCHEDULING_GATED, QUOTA_EXCEEDED, UNSCHEDULABLE)):
            asked_at = T0 + 1000.0 * (3 * number + at)
            pod = f"chat-{number}-{at}"
            known = follow(known, asked_at + 60.0, one(held(reason, asked_at, pod)), (1, 0))
            known = follow(known, asked_at + 70.0, one(loading(asked_at + 65.0, asked_at, pod)), (1, 0))
    assert [len(row) for row in known.waits] == [4, 4, 4, 0, 0]


@pytest.mark.parametrize("reason", [SCHEDULING_GATED, QUOTA_EXCEEDED, UNSCHEDULABLE, NODE_PROVISIONING, ""])
def test_an_hour_of_waiting_leaves_the_learned_start_where_it_was(reason: str) -> None:
    state = initial_state(T0, SPEC)
    for number in range(6):
        asked_at = T0 + 100.0 * number
        state = learn(state, StartSample(f"{number}", asked_at, asked_at + 20.0, ready_at=asked_at + 20.0))
    before = state.starts.p95_seconds
    asked_at, begun_at = T0 + 1000.0, T0 + 4600.0
    sample = StartSample("late", asked_at, begun_at + 20.0, ready_at=begun_at + 20.0, begun_at=begun_at)
    after = learn(state, sample)
    assert after.starts.p95_seconds == pytest.approx(before, rel=0.02)
    assert after.admission.held_share > 0.0


def test_waits_outlive_a_restart() -> None:
    known = Admission(
        tuple(array("d", row) for row in ((600.0, -900.0), (), (77.0,), (), ())),
        0.3,
        short=Short(NO_NODE, T0 - 900.0, T0 - 60.0),
    )
    state = initial_state(T0, SPEC)._replace(admission=known)
    again = restore(save(state), T0, SPEC).admission
    for before, after in zip(known.waits, again.waits, strict=True):
        assert list(after) == pytest.approx(list(before), rel=0.01)
    assert (again.held_share, again.waiting) == (0.3, ())
    assert again.short is not None
    assert (again.short.cause, again.short.seen_at) == (NO_NODE, T0 - 60.0)
    assert again.short.since == pytest.approx(T0 - 900.0, abs=9.0)
    assert save(restore(save(state), T0, SPEC)) == save(state)


@pytest.mark.parametrize(
    "numbers", [[300], [1001, *[0] * 5], [0, 9, *[0] * 4], [0] * 8, [0, 1, 0, *[0] * 4], [*[0] * 6, 9, 1, 2]]
)
def test_numbers_of_anything_else_are_refused(numbers: list[int]) -> None:
    with pytest.raises(ValueError, match=r"wait|shortage"):
        admission.from_numbers(numbers, T0)


@settings(deadline=None)
@given(st.data())
def test_whatever_looks_show_little_is_kept_and_nothing_is_negative(data: st.DataObject) -> None:
    """Replicas come, are held by changing causes, admitted, taken back and made again, in any order."""
    known, now = Admission(), T0
    before: tuple[int | None, int | None] = (None, None)
    for _ in range(data.draw(st.integers(1, 12))):
        now += data.draw(st.floats(0.0, 4000.0))
        starting = tuple(
            data.draw(
                st.builds(
                    StartingReplica,
                    asked_at=st.floats(T0 - 100.0, now),
                    stage=st.just(Stage.UNADMITTED),
                    failure=st.sampled_from((SCHEDULING_GATED, UNSCHEDULABLE, QUOTA_EXCEEDED, "")),
                    pod=st.sampled_from(("", "a", "b")),
                )
                | st.builds(loading, st.floats(T0, now), st.floats(T0 - 100.0, now))
            )
            for _ in range(data.draw(st.integers(0, 12)))
        )
        ready = data.draw(st.integers(0, 3))
        shown = Replicas(len(starting) + ready, ready, starting)
        known = follow(known, now, shown, before)
        before = shown.desired, shown.ready
        assert len(known.waiting) <= admission.MOST_WAITING
        assert all(len(row) <= REMEMBERED_ADMISSIONS for row in known.waits)
        assert all(wait.since <= now for wait in known.waiting)
        assert expected_wait(known, now) >= 0.0
        for cause in CAUSES:
            assert expected_wait(known, now, cause, 100.0) >= 0.0
    assert admission.from_numbers(admission.to_numbers(known), now).held_share == known.held_share


def test_a_replica_that_is_replaced_by_name_only_keeps_its_cause_while_nothing_is_said() -> None:
    known = seen((10.0, one(held(UNSCHEDULABLE))))
    known = seen((20.0, one(replace(held(""), pod="chat-1"))), known=known)
    assert known.waiting[0].cause is NO_NODE
