"""What was learned, as the string in a pool's status: small, read back whole, and never a reason to fail."""

import json
import random
import zlib
from array import array
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest

from poolkeeper.core.learning import gaps
from poolkeeper.core.learning.lateness.objective import Objective
from poolkeeper.core.learning.lateness.promise import (
    BEFORE_ADMISSION,
    NOT_LATE,
    WINDOWS,
    Late,
    Promise,
    Tally,
)
from poolkeeper.core.learning.saved import MOST_TEXT, PREFIX, restore, save
from poolkeeper.core.learning.silence import Doubt, Silence, Stop
from poolkeeper.core.learning.starts import start_time
from poolkeeper.core.learning.starts.admission import Admission, Short
from poolkeeper.core.learning.starts.attempts import Attempts
from poolkeeper.core.learning.starts.start_time import StartSample
from poolkeeper.core.learning.state import SeenIdle, initial_state, learn
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.tuning import (
    BLIND_SECONDS,
    BLIND_STOPS,
    GAP_BINS,
    REMEMBERED_OF_ALL_CAUSES,
    REMEMBERED_RESTARTS,
    REMEMBERED_STARTS,
    REMEMBERED_UIDS,
    RETEST_SECONDS,
)
from poolkeeper.core.values.admission import CAUSES
from tests.unit.core.strategies import T0, observe, reading, replicas, spec_of, taught

SPEC = spec_of()
OBSERVATION = observe(reading(T0, (1.0,)), replicas(0))
VERSION_1 = json.loads(Path(__file__).with_name("saved_version_1.json").read_text())


def packed(content: object) -> str:
    """A string of the present form."""
    return PREFIX + b64encode(zlib.compress(json.dumps(content).encode())).decode()


def unpacked(saved: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(zlib.decompress(b64decode(saved.removeprefix(PREFIX))))
    return content


GOOD = unpacked(save(taught(SPEC, (30.0, 31.0, 29.0))))


def test_phases_outlive_a_restart() -> None:
    state = initial_state(T0, SPEC)
    for number in range(3):
        marks = (T0 + 1.23, T0 + 10.0 + number, T0 + 60.0)
        state = learn(state, StartSample(f"{number}", T0, T0 + 60.0, *marks))
    state = learn(state, StartSample("unseen", T0, T0 + 60.0, ready_at=T0 + 60.0))
    restored = restore(save(state), T0, SPEC).starts.phases
    assert restored[-1] is None
    for phases, learned in zip(restored[:3], state.starts.phases[:3], strict=True):
        assert phases == pytest.approx(learned, abs=0.1)


def test_an_admission_that_is_no_part_of_a_start_stays_none_over_a_restart() -> None:
    gated = StartSample("0", T0, T0 + 90.0, T0 + 60.0, T0 + 62.0, T0 + 90.0, begun_at=T0 + 60.4)
    state = learn(initial_state(T0, SPEC), gated)
    assert state.starts.seconds == pytest.approx((29.6,))
    assert state.starts.phases[0] == pytest.approx((60.4, 1.6, 28.0))
    restored = restore(save(state), T0, SPEC).starts
    assert restored.seconds == pytest.approx((29.6,))
    assert restored.phases[0] == pytest.approx((60.4, 1.6, 28.0), abs=0.1)
    assert save(restore(save(state), T0, SPEC)) == save(state)


def test_the_largest_state_fits_into_4_kib() -> None:
    """As many starts as are kept, counts of gaps that no compression shortens, and late requests in all
    cells of the windows."""
    rng = random.Random(1)

    def counts(each: "array[float]") -> "array[float]":
        return array("d", [rng.uniform(0.0, 131.0) for _ in each])

    state = initial_state(T0, SPEC)
    for number in range(REMEMBERED_UIDS):
        seconds = rng.uniform(300_000.0, 400_000.0)
        marks = (T0 + seconds * 0.3, T0 + seconds * 0.6, T0 + seconds)
        state = learn(state, StartSample(f"{number}", T0, T0 + seconds, *marks))
    known = state.gaps
    daytime = known.daytime._replace(ended=counts(known.daytime.ended), met=counts(known.daytime.met))
    reached = tuple(counts(row) for row in known.reached)
    ended = tuple(counts(row) for row in known.ended)
    full = state._replace(
        gaps=known._replace(reached=reached, ended=ended, daytime=daytime),
        promise=busy_for_a_month(rng),
        objective=Objective(-12.345, 123.456, 7, 3.456, -12.3, 2_345.6, 12.3, REMEMBERED_RESTARTS, 17.89),
        idle_before=IDLE,
        silence=doubtful(rng),
        admission=short_of_all(rng),
    )
    assert len(state.starts.seconds) == REMEMBERED_STARTS
    assert len(save(full)) <= 4096


def short_of_all(rng: random.Random) -> Admission:
    """As many waits for admission as are remembered, for each cause."""
    each = REMEMBERED_OF_ALL_CAUSES // len(CAUSES)
    waits = tuple(array("d", [rng.uniform(10.0, 90_000.0) for _ in range(each)]) for _ in CAUSES)
    return Admission(waits, 0.777, short=Short(CAUSES[0], T0 - 7200.0, T0 - 60.0))


def doubtful(rng: random.Random) -> Silence:
    """As many sources as a pool may have, and none of them is believed."""
    return Silence(
        tuple(
            Doubt(f"{rng.random()}", 2, 1800.0 * 2 ** rng.randrange(6), T0 + rng.uniform(0.0, 86_400.0))
            for _ in range(16)
        )
    )


def busy_for_a_month(rng: random.Random) -> Promise:
    """An account of some thousand requests an hour, of which some are late by each cause."""
    account = Promise()
    for hour in range(31 * 24, -1, -1):
        late = Late(*(rng.randrange(9) for _ in BEFORE_ADMISSION))._replace(no_node=rng.randrange(9))
        account = account.enter(T0 - 3600.0 * hour, rng.randrange(1_000, 9_000), late)
    for minute in range(60, -1, -1):
        account = account.enter(T0 - 60.0 * minute, rng.randrange(100), NOT_LATE)
    return account


def test_the_account_of_the_promise_outlives_a_restart() -> None:
    account = busy_for_a_month(random.Random(2))
    state = restore(save(initial_state(T0, SPEC)._replace(promise=account)), T0, SPEC)
    assert state.promise == account


def test_what_the_version_before_counted_keeps_its_causes() -> None:
    """It wrote `account`, and what waited for admission was late by quota."""
    hour = int(T0 // 600.0)
    content = {key: value for key, value in GOOD.items() if key != "lateBy"}
    before = [1, 2, 3, 4, 5, 6, int(T0), 1, hour, 30, 1, 2, 3, 4, 5, 6, 0, 0]
    account = restore(packed({**content, "account": before}), T0, SPEC).promise
    assert account.total.late == Late(1, 2, 3, 4, 5, 6)
    assert account.over(WINDOWS[0], T0) == Tally(30, Late(1, 2, 3, 4, 5, 6))


def test_pods_that_a_version_before_remembered_are_still_known() -> None:
    """It kept all 32 bits of their checksums."""
    known = [uid | 0xAB000000 for uid in GOOD["startUids"]]
    state = restore(packed({**GOOD, "startUids": known}), T0, SPEC)
    assert learn(state, StartSample("pod-0", T0, T0 + 9.0, ready_at=T0 + 9.0)) is state


def test_what_delays_may_do_outlives_a_restart() -> None:
    account = initial_state(T0, SPEC).objective._replace(least_balance=-1.5, taken=900.0, other=4.2)
    state = restore(save(initial_state(T0, SPEC)._replace(objective=account)), T0, SPEC)
    assert state.objective.left(0.01) == pytest.approx(account.left(0.01))
    assert state.objective.least_balance == -1.5
    earlier = {key: value for key, value in GOOD.items() if key != "delays"}
    assert restore(packed(earlier), T0, SPEC).objective.taken == 0.0


def test_a_string_without_the_account_keeps_its_totals() -> None:
    """As a version before wrote it."""
    content = {key: value for key, value in GOOD.items() if key != "lateBy"}
    state = restore(packed({**content, "objective": [0, 1000, 60, 5, 2, 1000]}), T0, SPEC)
    assert state.promise == Promise(Tally(60, Late(start=5, ceiling=2)))
    assert state.starts.samples == 3


def test_the_account_of_a_version_before_is_read_with_its_own_causes() -> None:
    content = {key: value for key, value in GOOD.items() if key != "lateBy"}
    earlier = {**content, "objective": [0, 1000, 60, 5, 2, 1000], "promise": [4, 2, 0, 1, int(T0), 0, 0, 0]}
    state = restore(packed(earlier), T0, SPEC)
    assert state.promise.total == Tally(60, Late(start=4, ceiling=2, unknown=1))


def test_what_restarts_made_late_outlives_a_restart_of_the_operator() -> None:
    account = Objective(price=2.5, restarts=7, late_per_restart=3.25)
    state = restore(save(initial_state(T0, SPEC)._replace(objective=account)), T0, SPEC)
    assert state.objective == account


def test_a_string_without_it_has_seen_no_restart() -> None:
    """As a version before wrote it."""
    content = {key: value for key, value in GOOD.items() if key != "late"}
    assert restore(packed(content), T0, SPEC).objective.restarts == 0


def test_impossible_numbers_of_it_count_as_the_nearest_possible_ones() -> None:
    found = restore(packed({**GOOD, "late": [10**6, -5]}), T0, SPEC).objective
    assert (found.restarts, found.late_per_restart) == (REMEMBERED_RESTARTS, 0.0)


def test_a_version_before_reads_the_totals_of_the_account() -> None:
    account = Promise().enter(T0, 9, Late(start=1, ceiling=2, quota=3, unknown=1))
    assert unpacked(save(initial_state(T0, SPEC)._replace(promise=account)))["objective"][2:5] == [9, 5, 2]


def test_the_object_of_the_version_before_is_read_whole() -> None:
    state = restore(VERSION_1, T0, SPEC)
    starts = state.starts
    assert tuple(starts.seconds) == (44.0, 43.0, 287.0, 40.0, 47.0, 42.0)
    assert (starts.samples, starts.failures, len(starts.uids)) == (6, 1, 7)
    assert (state.service.completions, state.service.busy_seconds) == (55.5, 240.25)
    assert state.gaps.seen == 59
    assert state.promise.total.taken == 60
    spreads = start_time.spreads(starts)
    assert spreads is not None
    assert [round(spread.p50_seconds) for spread in spreads] == [3, 11, 29]
    again = restore(save(state), T0, SPEC)
    assert save(again) == save(state)
    assert again.gaps == state.gaps


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        None,
        {"startMilliseconds": "x"},
        {**GOOD, "startMilliseconds": [-5]},
        {**GOOD, "startMilliseconds": [0], "startWeights": [1000], "startMarks": [0, 0]},
        {**GOOD, "startMilliseconds": [10**13], "startWeights": [1000], "startMarks": [0, 0]},
        {**GOOD, "startWeights": [1.5] * 3},
        {**GOOD, "startCounts": []},
        {**GOOD, "startMarks": [0] * 5},
        {**GOOD, "startMarks": [0] * 8},
        {**GOOD, "startMarks": [-602, 20] * 2},
        {**GOOD, "objective": [True] * 5},
        {**GOOD, "delays": [1.5, 0, 0]},
        {**GOOD, "delays": [0] * 4},
        {**GOOD, "late": [3]},
        {**GOOD, "late": {"3": 4}},
        {**GOOD, "lateBy": [0] * 1_000},
        {**GOOD, "lateBy": [-1, *GOOD["lateBy"][1:]]},
        {**GOOD, "lateBy": GOOD["lateBy"][:-1]},
        {**GOOD, "lateBy": "8"},
        {**GOOD, "held": [300]},
        {**GOOD, "held": [0, 1, -(10**9), 0, 0, 0, 0]},
        {**GOOD, "held": "none"},
        {**GOOD, "service": [0] * 10_000},
        {**GOOD, "service": [10**300, 1]},
        {**GOOD, "gapsEnded": "AQAB" * (gaps.CONTEXTS * GAP_BINS // 3) + "AQA="},
        {**GOOD, "daytime": "AAAA"},
        {**GOOD, "daytime": "not base64"},
    ],
)
def test_a_string_of_anything_else_gives_the_initial_state(content: object) -> None:
    assert restore(packed(content), T0, SPEC) == initial_state(T0, SPEC)


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        7,
        "",
        "version",
        PREFIX,
        PREFIX + "AAAA",
        PREFIX + "not base64",
        "9:" + packed(GOOD).removeprefix(PREFIX),
        packed(GOOD)[:-8],
        packed([" " * MOST_TEXT]),
        PREFIX + b64encode(zlib.compress(b"[" * MOST_TEXT)).decode(),
        [],
        {},
        {"version": 0},
        {"version": 1},
        {**VERSION_1, "version": 3},
        {**VERSION_1, "startPhases": [10**9] * 8},
        {**VERSION_1, "startPhases": [10**9] * 9},
    ],
)
def test_garbage_in_the_status_gives_the_initial_state(garbage: object) -> None:
    assert restore(garbage, T0, SPEC) == initial_state(T0, SPEC)


@pytest.mark.parametrize("key", sorted(GOOD))
@pytest.mark.parametrize("value", [10**30, [10**30] * 3, [-1] * 9, [0] * 40, "0"])
def test_a_damaged_field_never_raises(key: str, value: object) -> None:
    decision, _ = decide(T0, SPEC, OBSERVATION, restore(packed({**GOOD, key: value}), T0, SPEC))
    assert decision.replicas in (0, 1)


def test_an_arrival_in_the_future_counts_as_one_now() -> None:
    """The steps of the time of day would not end."""
    far = {**GOOD, "gaps": [1000, 10, 10**18], "daytimeScore": [10**6]}
    restored = restore(packed(far), T0, SPEC)
    assert restored.gaps.seen == 1000
    assert restored.gaps.arrived_at == T0


def test_a_clock_that_is_behind_that_of_the_leader_before_loses_nothing() -> None:
    state = taught(SPEC, (20.0,) * 8)
    state = state._replace(promise=Promise().enter(T0, 3, NOT_LATE), attempts=Attempts(2, T0, "Error"))
    for behind in (0.0, 5.0, 700.0, 20_000.0):
        restored = restore(save(state), T0 - behind, SPEC)
        assert restored.starts.samples == 8
        assert (restored.attempts.failed, restored.promise.total.taken) == (2, 3)


def test_without_an_arrival_no_time_of_day_is_proven() -> None:
    never = {**GOOD, "gaps": [1000, 10, 0], "daytimeScore": [10**6]}
    restored = restore(packed(never), T0, SPEC)
    assert restored.gaps.seen == 1000
    assert not restored.gaps.daytime.is_proven


IDLE = SeenIdle(seconds=123.4, keep_seconds=300.0, trail=2**32 - 1)


@pytest.mark.parametrize("idle", [IDLE, IDLE._replace(keep_seconds=None), IDLE._replace(seconds=0.0)])
def test_an_idle_time_that_is_waited_for_outlives_a_restart(idle: SeenIdle) -> None:
    state = taught(SPEC, ())._replace(idle_before=idle)
    assert restore(save(state), T0, SPEC).idle_before == idle
    assert save(restore(save(state), T0, SPEC)) == save(state)


def test_an_idle_time_is_saved_up_to_the_last_reading_and_only_where_it_is_waited_for() -> None:
    state = taught(SPEC, ())._replace(
        idle_since=T0 - 50.0, idle_seconds=60.0, readings=(reading(T0 - 10.0),), clock=T0
    )
    restored = restore(save(state, counts_idle=True), T0, SPEC).idle_before
    assert restored is not None
    assert (restored.seconds, restored.keep_seconds) == (40.0, 60.0)
    assert restore(save(state), T0, SPEC).idle_before is None


@pytest.mark.parametrize("idle", [7, "7", [1], [1, 2], [1, 2, 3, 4], [1.5, 2, 3], [10**30, 2, 3], None])
def test_an_idle_time_that_is_none_gives_the_initial_state(idle: object) -> None:
    assert restore(packed({**GOOD, "idle": idle}), T0, SPEC) == initial_state(T0, SPEC)


def test_an_idle_time_below_zero_counts_as_none_seen() -> None:
    restored = restore(packed({**GOOD, "idle": [-5, -7, -1]}), T0, SPEC).idle_before
    assert restored == SeenIdle(0.0, None, -1)


MINUTE = 60.0 * int(T0 / 60)
DOUBTS = (Doubt("queue", BLIND_STOPS, 3600.0, MINUTE + 1800.0),)
LONGEST = Doubt("queue", BLIND_STOPS, RETEST_SECONDS, T0 + RETEST_SECONDS)


@pytest.mark.parametrize(
    "doubts", [(), DOUBTS, (Doubt("queue", 1),), (DOUBTS[0]._replace(seconds=BLIND_SECONDS),)]
)
def test_what_speaks_against_a_silence_outlives_a_restart(doubts: tuple[Doubt, ...]) -> None:
    state = taught(SPEC, ())._replace(silence=Silence(doubts, Stop(20.0, T0)))
    assert restore(save(state), T0, SPEC).silence == Silence(doubts)
    assert save(restore(save(state), T0, SPEC)) == save(state)


def test_doubts_about_a_source_that_is_gone_are_forgotten() -> None:
    state = taught(SPEC, ())._replace(silence=Silence((DOUBTS[0]._replace(source="other"), *DOUBTS)))
    assert restore(save(state), T0, SPEC).silence.doubts == DOUBTS


def test_no_doubt_lasts_longer_than_the_operator_would_let_it() -> None:
    saved = unpacked(save(taught(SPEC, ())._replace(silence=Silence((LONGEST,)))))
    far = {**saved, "doubts": [*saved["doubts"][:2], 10**12]}
    assert restore(packed(far), T0, SPEC).silence.doubts == (LONGEST,)


@pytest.mark.parametrize("level", [-1, 0, 9, 10**12])
def test_a_doubt_of_no_known_length_is_none(level: int) -> None:
    saved = unpacked(save(taught(SPEC, ())._replace(silence=Silence((LONGEST,)))))
    checksum, _, minutes = saved["doubts"]
    assert restore(packed({**saved, "doubts": [checksum, level, minutes]}), T0, SPEC).silence == Silence()


@pytest.mark.parametrize("doubts", [7, "7", [1], [1, 2], [1.5, 2, 3], [0] * 51, None])
def test_doubts_that_are_none_give_the_initial_state(doubts: object) -> None:
    assert restore(packed({**GOOD, "doubts": doubts}), T0, SPEC) == initial_state(T0, SPEC)
