"""The switch between pods and activators: the way down, the way up, and every fault in between."""

from itertools import product

import pytest

from poolkeeper.core.switching import (
    RELEASE_SECONDS,
    SETTLE_SECONDS,
    Facts,
    Phase,
    Step,
    Switch,
    initial_switch,
    step,
)

IDLE_WARM = Facts(wants_zero=True, ready=1, is_in_place=True, idle_seen_at=0.0, held=0)
AT_ZERO = Facts(wants_zero=True, ready=0, is_in_place=True, idle_seen_at=0.0, held=0)
WARM = Facts(wants_zero=False, ready=1, is_in_place=False, idle_seen_at=None, held=0)


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
    switch, settled = step(11.0 + SETTLE_SECONDS, switch, IDLE_WARM)
    assert (switch.phase, settled.may_stop) == (Phase.GUARDED, False), "the zero is older than the settling"
    switch, idle = step(17.0, switch, facts(IDLE_WARM, idle_seen_at=16.5))
    assert idle.may_stop


def test_the_way_up() -> None:
    switch, holding = step(100.0, Switch(Phase.GUARDED, 0.0), AT_ZERO)
    assert (holding.wants_activators, holding.leaves_path) == (True, False)
    ready = facts(AT_ZERO, wants_zero=False, ready=1, held=7)
    switch, releasing = step(101.0, switch, ready)
    assert (switch.phase, releasing.wants_activators, releasing.leaves_path) == (Phase.LEAVING, True, True)
    switch, left = step(102.0, switch, facts(ready, held=0))
    assert (switch.phase, left.wants_activators, left.leaves_path) == (Phase.DIRECT, False, True)


def test_requests_that_stay_held_do_not_keep_the_activators_in_the_path_for_ever() -> None:
    switch, _ = step(0.0, Switch(Phase.GUARDED, 0.0), facts(WARM, is_in_place=True, held=None))
    switch, _ = step(RELEASE_SECONDS, switch, facts(WARM, is_in_place=True, held=None))
    assert switch.phase is Phase.DIRECT


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


def every_world(now: float) -> list[Facts]:
    """All facts that make a difference at one instant."""
    return [
        Facts(wants_zero=wants, ready=ready, is_in_place=placed, idle_seen_at=idle, held=held)
        for wants, ready, placed, idle, held in product(
            (True, False), (0, 1), (True, False), (None, now), (None, 0, 3)
        )
    ]


def check_promises(now: float, seen: Facts, placed_since: float | None, outcome: Step) -> None:
    """What holds after every step of every history."""
    if not seen.ready or seen.wants_zero:
        assert outcome.wants_activators, "nobody would answer"
        assert not outcome.leaves_path
    if outcome.may_stop and seen.ready:
        assert seen.is_in_place
        assert placed_since is not None
        assert now - placed_since >= SETTLE_SECONDS
        assert seen.idle_seen_at is not None
        assert seen.idle_seen_at >= placed_since + SETTLE_SECONDS
    if not outcome.wants_activators:
        assert seen.ready


def test_every_history_keeps_the_promises() -> None:
    """All reachable (phase, age, age of the endpoints) under all sequences of facts, in steps of a second."""
    longest = int(RELEASE_SECONDS) + 2
    frontier: list[tuple[Switch, float | None]] = [
        (initial_switch(0.0, has_slices=has_slices), None) for has_slices in (True, False)
    ]
    known: set[tuple[Phase, float, float | None]] = set()
    now = 0.0
    while frontier:
        switch, placed_since = frontier.pop()
        for seen in every_world(now):
            placed = None if not seen.is_in_place else (now if placed_since is None else placed_since)
            following, outcome = step(now, switch, seen)
            check_promises(now, seen, placed, outcome)
            age = min(now - following.since, longest) + 1
            placed_age = None if placed is None else min(now - placed, longest) + 1
            key = (following.phase, age, placed_age)
            if key not in known:
                known.add(key)
                frontier.append(
                    (Switch(following.phase, now - age), None if placed_age is None else now - placed_age)
                )
    assert {phase for phase, _, _ in known} == set(Phase)


@pytest.mark.parametrize("phase", list(Phase))
def test_steady_facts_always_arrive(phase: Phase) -> None:
    for seen, arrives in ((WARM, Phase.DIRECT), (AT_ZERO, Phase.GUARDED), (IDLE_WARM, Phase.GUARDED)):
        switch = Switch(phase, 0.0)
        for second in range(int(SETTLE_SECONDS + RELEASE_SECONDS) + 2):
            switch, outcome = step(float(second), switch, facts(seen, idle_seen_at=float(second)))
        assert switch.phase is arrives
        assert outcome.may_stop == (seen is not WARM)
