"""The switch between pods and activators: the way down, the way up, and every fault in between."""

from itertools import product
from typing import NamedTuple

import pytest

from poolkeeper.core.front.switching import (
    PROVE_SECONDS,
    RELEASE_SECONDS,
    SETTLE_SECONDS,
    Facts,
    Phase,
    Step,
    Switch,
    initial_switch,
    step,
)

VERSION = 100
IDLE_WARM = Facts(
    wants_zero=True,
    ready=1,
    is_in_place=True,
    idle_seen_at=0.0,
    held=0,
    table_version=VERSION,
    confirmed=VERSION,
)
AT_ZERO = Facts(
    wants_zero=True,
    ready=0,
    is_in_place=True,
    idle_seen_at=0.0,
    held=0,
    table_version=VERSION,
    confirmed=VERSION,
)
WARM = Facts(
    wants_zero=False,
    ready=1,
    is_in_place=False,
    idle_seen_at=None,
    held=0,
    table_version=VERSION,
    confirmed=VERSION,
)


def facts(base: Facts, **changes: object) -> Facts:
    """The facts with some of them replaced."""
    values = {name: getattr(base, name) for name in Facts.__slots__} | changes
    return Facts(**values)


def test_the_way_down() -> None:
    switch = Switch(Phase.DIRECT, 0.0)
    switch, first = step(10.0, switch, facts(IDLE_WARM, is_in_place=False))
    assert (switch.phase, first.wants_activators, first.may_stop) == (Phase.JOINING, True, False)
    switch, settling = step(11.0, switch, IDLE_WARM)
    assert (switch.phase, settling.review_at) == (Phase.SETTLING, 11.0 + SETTLE_SECONDS)
    switch, settled = step(11.0 + SETTLE_SECONDS, switch, facts(IDLE_WARM, table_version=7, confirmed=6))
    assert (switch.phase, settled.may_stop) == (Phase.GUARDED, False), "the zero is older than the settling"
    switch, told = step(17.0, switch, facts(IDLE_WARM, idle_seen_at=16.5, table_version=8, confirmed=6))
    assert not told.may_stop, "an activator still passes on what reaches it"
    switch, holding = step(18.0, switch, facts(IDLE_WARM, idle_seen_at=17.5, table_version=9, confirmed=7))
    assert not holding.may_stop, "the reading began before the activators held what arrives"
    switch, idle = step(19.0, switch, facts(IDLE_WARM, idle_seen_at=18.5, table_version=10, confirmed=7))
    assert idle.may_stop


@pytest.mark.parametrize("confirmed", [None, 0, VERSION - 1])
def test_an_activator_without_the_table_takes_the_leave_to_stop_back(confirmed: int | None) -> None:
    guarded = Switch(Phase.GUARDED, 0.0, hold_version=VERSION, holding_since=1.0)
    seen = facts(IDLE_WARM, idle_seen_at=2.0, table_version=VERSION + 5)
    switch, before = step(3.0, guarded, facts(seen, confirmed=VERSION))
    switch, joined = step(4.0, switch, facts(seen, confirmed=confirmed, idle_seen_at=4.0))
    switch, told = step(5.0, switch, facts(seen, confirmed=VERSION + 5, idle_seen_at=4.5))
    switch, fresh = step(6.0, switch, facts(seen, confirmed=VERSION + 5, idle_seen_at=5.5))
    assert [each.may_stop for each in (before, joined, told, fresh)] == [True, False, False, True]


def test_the_way_up() -> None:
    switch, holding = step(100.0, Switch(Phase.GUARDED, 0.0), AT_ZERO)
    assert (holding.wants_activators, switch.redirects_to_pods) == (True, False)
    ready = facts(AT_ZERO, wants_zero=False, ready=1, held=7)
    switch, releasing = step(101.0, switch, ready)
    assert (switch.phase, releasing.wants_activators, switch.redirects_to_pods) == (
        Phase.LEAVING,
        True,
        True,
    )
    switch, left = step(102.0, switch, facts(ready, held=0))
    assert (switch.phase, left.wants_activators, switch.redirects_to_pods) == (Phase.DIRECT, False, True)


def test_requests_that_stay_held_do_not_keep_the_activators_in_the_path_for_ever() -> None:
    switch, _ = step(0.0, Switch(Phase.GUARDED, 0.0), facts(WARM, is_in_place=True, held=None))
    switch, _ = step(RELEASE_SECONDS, switch, facts(WARM, is_in_place=True, held=None))
    assert switch.phase is Phase.DIRECT


def test_a_pod_without_a_probe_answers_alone_once_it_has_accepted_a_connection() -> None:
    loading = facts(AT_ZERO, wants_zero=False, ready=2, held=0, unproven=2)
    switch, _ = step(100.0, Switch(Phase.GUARDED, 0.0), facts(AT_ZERO, wants_zero=False))
    switch, first = step(101.0, switch, loading)
    assert (switch.phase, switch.holds, switch.redirects_to_pods) == (Phase.PROVING, False, False)
    assert (first.wants_activators, first.may_stop, first.reason) == (True, False, "Proving")
    assert first.sentence == "2 ready pods without a readiness probe must accept a connection first"
    switch, second = step(170.0, switch, facts(loading, unproven=1))
    assert second.sentence == "1 ready pod without a readiness probe must accept a connection first"
    switch, _ = step(180.0, switch, facts(loading, unproven=0))
    assert switch.phase is Phase.LEAVING


def test_pods_that_no_activator_can_reach_are_given_their_callers_in_the_end() -> None:
    """As behind a NetworkPolicy that admits the callers and not the activators."""
    loading = facts(AT_ZERO, wants_zero=False, ready=1, unproven=1)
    switch, outcome = step(100.0, Switch(Phase.GUARDED, 0.0), loading)
    assert outcome.review_at == 100.0 + PROVE_SECONDS
    switch, _ = step(99.9 + PROVE_SECONDS, switch, loading)
    assert switch.phase is Phase.PROVING
    switch, _ = step(100.0 + PROVE_SECONDS, switch, loading)
    assert switch.phase is Phase.LEAVING


FAULTS = [
    ("the last pod dies", Phase.DIRECT, facts(WARM, ready=0), Phase.JOINING),
    ("the last pod dies while leaving", Phase.LEAVING, facts(AT_ZERO, wants_zero=False), Phase.JOINING),
    ("somebody deletes the slice", Phase.GUARDED, facts(IDLE_WARM, is_in_place=False), Phase.JOINING),
    (
        "somebody deletes it while it settles",
        Phase.SETTLING,
        facts(IDLE_WARM, is_in_place=False),
        Phase.JOINING,
    ),
    ("all activators die at zero", Phase.GUARDED, facts(AT_ZERO, is_in_place=False), Phase.JOINING),
    ("work arrives while joining", Phase.JOINING, facts(IDLE_WARM, wants_zero=False), Phase.LEAVING),
    ("work arrives while settling", Phase.SETTLING, facts(IDLE_WARM, wants_zero=False), Phase.LEAVING),
    ("work arrives once guarded", Phase.GUARDED, facts(IDLE_WARM, wants_zero=False), Phase.LEAVING),
    ("idle again while leaving", Phase.LEAVING, IDLE_WARM, Phase.JOINING),
    ("the pod dies while it loads", Phase.PROVING, facts(AT_ZERO, wants_zero=False), Phase.JOINING),
    ("idle again while it loads", Phase.PROVING, facts(IDLE_WARM, unproven=1), Phase.JOINING),
    (
        "one more pod loads while leaving",
        Phase.LEAVING,
        facts(WARM, ready=2, unproven=1, held=3),
        Phase.LEAVING,
    ),
    ("one more pod loads later", Phase.DIRECT, facts(WARM, ready=2, unproven=1), Phase.DIRECT),
    ("demand becomes unknown", Phase.GUARDED, facts(IDLE_WARM, idle_seen_at=None), Phase.GUARDED),
]


@pytest.mark.parametrize(
    ("phase", "seen", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_faults(phase: Phase, seen: Facts, expected: Phase) -> None:
    switch, outcome = step(20.0, Switch(phase, 19.0), seen)
    assert switch.phase is expected
    assert not outcome.may_stop


@pytest.mark.parametrize("has_slices", [True, False])
def test_a_restarted_controller_lets_the_endpoints_settle_once_more(has_slices: bool) -> None:
    switch = initial_switch(50.0, has_slices=has_slices)
    switch, outcome = step(50.0, switch, facts(IDLE_WARM, is_in_place=has_slices, idle_seen_at=0.0))
    assert (outcome.may_stop, outcome.wants_activators) == (False, True)
    assert switch.phase in (Phase.JOINING, Phase.SETTLING)


def every_world(now: float, hold_version: int) -> list[Facts]:
    """All facts that make a difference at one instant."""
    return [
        Facts(
            wants_zero=wants,
            ready=ready,
            is_in_place=placed,
            idle_seen_at=idle,
            held=held,
            table_version=hold_version + 1,
            confirmed=confirmed,
            unproven=unproven,
        )
        for wants, ready, placed, idle, held, confirmed, unproven in product(
            (True, False),
            (0, 1),
            (True, False),
            (None, now, now - 1.0),
            (0, 3),
            (None, hold_version - 1, hold_version, hold_version + 1),
            (0, 1),
        )
        if unproven <= ready
    ]


class History(NamedTuple):
    """One way to come here, as its witnesses tell it: when the endpoints were in place without a break, the
    number of the first table since then that says to hold, and when all went by it without a break."""

    switch: Switch
    placed_since: float | None = None
    held_by: int | None = None
    held_since: float | None = None

    def followed_by(self, now: float, seen: Facts, switch: Switch) -> "History":
        """The witnesses' account one step later."""
        placed = None if not seen.is_in_place else (now if self.placed_since is None else self.placed_since)
        is_guarded = switch.phase is Phase.GUARDED
        held_by = None if not is_guarded else (seen.table_version if self.held_by is None else self.held_by)
        holds = self.held_by is not None and is_guarded and (seen.confirmed or 0) >= self.held_by
        held = None if not holds else (now if self.held_since is None else self.held_since)
        return History(switch, placed, held_by, held)

    def one_second_later(self) -> "History":
        """The same at the origin of time and of table numbers; what is long ago makes no difference."""
        switch = self.switch
        return History(
            Switch(
                switch.phase,
                _since(switch),
                VERSION if switch.hold_version else 0,
                None if switch.holding_since is None else _ago(switch.holding_since, 3),
            ),
            None if self.placed_since is None else _ago(self.placed_since, int(SETTLE_SECONDS) + 3),
            None if self.held_by is None else VERSION + self.held_by - switch.hold_version,
            None if self.held_since is None else _ago(self.held_since, 3),
        )


def _since(switch: Switch) -> float:
    if switch.phase is not Phase.PROVING:
        return _ago(switch.since, int(RELEASE_SECONDS) + 2)
    since = _ago(switch.since, int(PROVE_SECONDS) + 2)
    # Between the first seconds of this phase and its last ones, time alone changes nothing.
    return 2.0 - PROVE_SECONDS if 10.0 < -since < PROVE_SECONDS - 2.0 else since


def _ago(since: float, longest: int) -> float:
    return -(min(-since, longest) + 1.0)


def check_promises(now: float, seen: Facts, history: History, outcome: Step) -> None:
    """What holds after every step of every history."""
    if not seen.ready or seen.wants_zero:
        assert outcome.wants_activators, "nobody would answer"
        assert not history.switch.redirects_to_pods
    if outcome.may_stop and seen.ready:
        assert seen.is_in_place
        assert history.placed_since is not None
        assert now - history.placed_since >= SETTLE_SECONDS
        assert seen.idle_seen_at is not None
        assert seen.idle_seen_at >= history.placed_since + SETTLE_SECONDS
        assert history.held_since is not None, "an activator passes on what a reading has not seen"
        assert seen.idle_seen_at >= history.held_since
    if not outcome.wants_activators:
        assert seen.ready
    if seen.unproven and history.switch.phase is Phase.PROVING:
        assert outcome.wants_activators, "the pods would refuse every call"
        assert not history.switch.holds, "an activator that names no replica can't prove it"
        assert not history.switch.redirects_to_pods


def test_every_history_keeps_the_promises() -> None:
    """All that can be reached under all sequences of facts, in steps of a second."""
    frontier = [History(initial_switch(0.0, has_slices=has_slices)) for has_slices in (True, False)]
    known: set[History] = set()
    stops = 0
    while frontier:
        history = frontier.pop()
        for seen in every_world(0.0, history.switch.hold_version or VERSION):
            switch, outcome = step(0.0, history.switch, seen)
            following = history.followed_by(0.0, seen, switch)
            check_promises(0.0, seen, following, outcome)
            stops += outcome.may_stop and bool(seen.ready)
            later = following.one_second_later()
            if later not in known:
                known.add(later)
                frontier.append(later)
    assert {each.switch.phase for each in known} == set(Phase)
    assert stops


@pytest.mark.parametrize("phase", list(Phase))
def test_steady_facts_always_arrive(phase: Phase) -> None:
    for seen, arrives in ((WARM, Phase.DIRECT), (AT_ZERO, Phase.GUARDED), (IDLE_WARM, Phase.GUARDED)):
        switch = Switch(phase, 0.0)
        for second in range(int(SETTLE_SECONDS + RELEASE_SECONDS) + 2):
            switch, outcome = step(float(second), switch, facts(seen, idle_seen_at=float(second)))
        assert switch.phase is arrives
        assert outcome.may_stop == (seen is not WARM)
