"""What holds for every decision, whatever was observed before."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from poolkeeper.core.learning.saved import restore, save
from poolkeeper.core.learning.state import PoolState, initial_state, learn
from poolkeeper.core.policy.case import is_loading, longest_load_seconds
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.observation import Observation, Reading, Stage
from poolkeeper.core.values.spec import PoolSpec
from tests.unit.core.strategies import (
    T0,
    observations,
    spec_of,
    specs,
    starts,
)

SPEC = spec_of()

Step = tuple[float, Observation]


@st.composite
def histories(draw: st.DrawFn) -> tuple[PoolSpec, list[Step], PoolState]:
    """A pool, what was observed at successive instants, and a state that has seen some starts."""
    spec = draw(specs())
    state = initial_state(T0, spec)
    for sample in draw(st.lists(starts(), max_size=10)):
        state = learn(state, sample)
    now, steps = T0, []
    for pause in draw(st.lists(st.sampled_from((-60.0, 0.0, 0.5, 3.0, 50.0, 900.0)), min_size=1, max_size=6)):
        now += pause
        steps.append((now, draw(observations(now))))
    return spec, steps, state


def replay(spec: PoolSpec, steps: list[Step], state: PoolState) -> Iterator[tuple[Step, Decision, PoolState]]:
    for now, observation in steps:
        decision, state = decide(now, spec, observation, state)
        yield (now, observation), decision, state


@settings(deadline=None, max_examples=150)
@given(histories())
def test_bounds_are_never_crossed(history: tuple[PoolSpec, list[Step], PoolState]) -> None:
    spec, *_ = history
    for (_, observation), decision, _ in replay(*history):
        if observation.replicas is None:
            assert decision.reason is Reason.TARGET_UNKNOWN
            continue
        ceiling = (
            spec.max_replicas if observation.ceiling is None else min(spec.max_replicas, observation.ceiling)
        )
        desired = observation.replicas.desired
        assert decision.replicas <= max(ceiling, desired)
        assert decision.replicas >= min(
            max(spec.min_replicas, observation.warm_floor.replicas), ceiling, desired
        )


@settings(deadline=None, max_examples=150)
@given(histories())
def test_nothing_is_lowered_on_unknown_demand_or_under_work(
    history: tuple[PoolSpec, list[Step], PoolState],
) -> None:
    spec, *_ = history
    for (_, observation), decision, state in replay(*history):
        if observation.replicas is None or decision.replicas >= observation.replicas.desired:
            continue
        assert decision.demand_known.holds is True
        (demand,) = observation.demand
        assert isinstance(demand, Reading)
        starting, lowered = observation.replicas.starting, observation.replicas.desired - decision.replicas
        # Requests in flight since before any replica ran are nobody's work, also once one is ready.
        is_idle = demand.queued == 0 and (demand.in_flight or 0) <= decision.unworked
        untouched = {Stage.UNADMITTED, Stage.NO_CONTAINER} if is_idle else {Stage.UNADMITTED}
        may_be_revoked = sum(each.reached in untouched for each in starting)
        longest_seconds = longest_load_seconds(state.starts)
        if any(is_loading(state.clock, each, longest_seconds) for each in starting):
            assert decision.reason in (Reason.START_CANCELLED, Reason.OUT_OF_BOUNDS)
            assert lowered <= may_be_revoked
        elif not spec.drains_on_termination:
            assert is_idle or lowered <= may_be_revoked


@settings(deadline=None, max_examples=100)
@given(histories())
def test_the_same_inputs_replayed_give_the_same_decisions(
    history: tuple[PoolSpec, list[Step], PoolState],
) -> None:
    assert list(replay(*history)) == list(replay(*history))


@settings(deadline=None, max_examples=100)
@given(histories())
def test_every_decision_explains_itself_and_says_when_to_look_again(
    history: tuple[PoolSpec, list[Step], PoolState],
) -> None:
    for (now, _), decision, state in replay(*history):
        assert decision.message
        assert "inf" not in decision.message.split()
        assert state.clock >= now
        if decision.due_at is not None:
            assert decision.review_at is not None
            assert decision.review_at <= decision.due_at


@settings(deadline=None, max_examples=100)
@given(histories())
def test_what_was_learned_survives_a_restart_in_4_kib(
    history: tuple[PoolSpec, list[Step], PoolState],
) -> None:
    spec, *_, state = history
    for _, _, after in replay(*history):
        state = after
    saved = save(state)
    assert len(saved) <= 4096
    assert save(restore(saved, state.clock, spec)) == saved


@settings(deadline=None, max_examples=150)
@given(histories())
def test_nothing_is_changed_while_writes_are_held_back(
    history: tuple[PoolSpec, list[Step], PoolState],
) -> None:
    for (_, observation), decision, state in replay(*history):
        held, replicas = observation.held, observation.replicas
        if held is None or replicas is None or state.clock >= held.until:
            assert decision.reason is not Reason.HELD_BACK
            continue
        assert decision.replicas == replicas.desired
        if decision.reason is Reason.HELD_BACK:
            assert decision.due_at is not None
            assert decision.due_at <= held.until


@settings(deadline=None, max_examples=150)
@given(histories())
def test_a_look_that_changes_nothing_is_not_due_again_at_once(
    history: tuple[PoolSpec, list[Step], PoolState],
) -> None:
    """Else the operator would look at the pool over and over."""
    spec, *_ = history
    for (_, observation), _, state in replay(*history):
        later = state.clock + 0.001
        decision, _ = decide(later, spec, observation, state)
        desired = observation.replicas.desired if observation.replicas else decision.replicas
        if decision.replicas == desired:
            for due_at in (decision.due_at, decision.review_at, decision.explain_at):
                assert due_at is None or due_at > later, (decision.reason, later - due_at)
