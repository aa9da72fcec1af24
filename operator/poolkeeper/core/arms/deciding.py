"""The decision of a pool on several classes: how many replicas it should have, and on which arms."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from poolkeeper.api.pool import WhenUnattainable
from poolkeeper.core.arms import merging, outlook
from poolkeeper.core.arms.arm import Arm, Spread
from poolkeeper.core.arms.spreading import Wanted, spread
from poolkeeper.core.learning.starts import scarce
from poolkeeper.core.learning.starts.admission import Admission
from poolkeeper.core.learning.starts.arms import Known, look
from poolkeeper.core.learning.starts.scarce import PLENTY, Scarce
from poolkeeper.core.learning.starts.start_time import StartTimes
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.attainable import budget_attainable
from poolkeeper.core.policy.case import longest_load_seconds
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.tuning import ADMISSION_SECONDS, SURGE_REPLICAS
from poolkeeper.core.values.decision import Decision, Reason
from poolkeeper.core.values.observation import Observation, Reading
from poolkeeper.core.values.spec import PoolSpec


class Outcome(NamedTuple):
    """What was decided, what it was decided from, and what is remembered."""

    decision: Decision
    state: PoolState
    observation: Observation
    """With the replicas of all arms that can be counted on."""
    spread: Spread


def decide_over(
    now: float, spec: PoolSpec, observation: Observation, arms: Sequence[Arm], state: PoolState
) -> Outcome:
    """Decide for the pool as a whole, and spread the number over its arms.

    `decide` expects the start time of the arm that the next replica would go to, with the usual wait for a
    node. Each arm keeps its own start times and waits: those of the first one are the state's own.
    """
    now = max(now, state.clock)
    state, arms = _looked(now, arms, state)
    due = merging.deadline(now, spec, observation)
    without = merging.uncounted(now, due, arms, state.arms.tried)
    seen = replace(observation, replicas=merging.merged(arms, without))
    rooms = [arm.most - arm.replicas.desired for arm in arms]
    next_at = outlook.best(now, due, arms, rooms) or 0
    decision, state = _within_bounds(now, spec, seen, arms[next_at], state)
    wanted = Wanted(
        replicas=decision.replicas,
        most=_most(spec, observation),
        deadline=due,
        is_stop=decision.reason is not Reason.START_CANCELLED,
        has_work=_has_work(spec, observation),
        loads_until=max([longest_load_seconds(arm.starts) for arm in arms]),
    )
    found = spread(now, wanted, arms, without, state.arms.tried)
    state = state._replace(arms=state.arms._replace(tried=found.tried, scarce=found.scarce))
    return Outcome(_explained(now, decision, found), state, seen, found)


def _looked(now: float, arms: Sequence[Arm], state: PoolState) -> tuple[PoolState, list[Arm]]:
    """Enter what the look shows of each arm, and give each arm what is known of its class."""
    before = state.arms.seen
    known = [Known(state.starts, state.admission), *state.arms.fallbacks]
    known = [
        look(each, now, arm.replicas, before[at] if at < len(before) else None)
        for at, (each, arm) in enumerate(zip(known, arms, strict=True))
    ]
    seen = tuple([(arm.replicas.desired, arm.replicas.ready) for arm in arms])
    state = state._replace(
        starts=known[0].starts,
        admission=known[0].admission,
        arms=state.arms._replace(fallbacks=tuple(known[1:]), seen=seen),
    )
    return state, [
        arm._replace(
            starts=each.starts,
            admission=each.admission,
            scarce=_scarce(now, arm, before[at][1] if at < len(before) else None),
        )
        for at, (arm, each) in enumerate(zip(arms, known, strict=True))
    ]


def _scarce(now: float, arm: Arm, ready_before: int | None) -> Scarce:
    """What is known of the class after the replicas that have a node; one may have got it, and become ready,
    since the last look."""
    if ready_before is not None and arm.replicas.ready > ready_before:
        return PLENTY
    begun = [each.begun_at for each in arm.replicas.starting if each.begun_at is not None]
    known = scarce.now_known(arm.scarce, now)
    return scarce.admitted(known, max(begun)) if begun else known


def _within_bounds(
    now: float, spec: PoolSpec, seen: Observation, arm: Arm, state: PoolState
) -> tuple[Decision, PoolState]:
    """The pool's decision. The replica that it has above its maximum since load moved is no replica that
    another writer has set: it stops as soon as any that is surplus, and not after a whole idle time."""
    decision, after = _decided(now, spec, seen, arm, state)
    if decision.reason is not Reason.OUT_OF_BOUNDS or decision.replicas <= spec.max_replicas:
        return decision, after
    roomy = replace(spec, max_replicas=decision.replicas)
    surplus, after_surplus = _decided(now, roomy, seen, arm, state)
    if surplus.reason is Reason.STOP_SURPLUS:
        return surplus, after_surplus
    return _due_by(decision, math.inf if surplus.due_at is None else surplus.due_at), after


def _decided(
    now: float, spec: PoolSpec, seen: Observation, arm: Arm, state: PoolState
) -> tuple[Decision, PoolState]:
    """The pool's decision by what is known of one arm. Waits for a node are followed per arm, not here."""
    starts = arm.starts
    if arm.wait_seconds > ADMISSION_SECONDS and spec.when_unattainable is not WhenUnattainable.KEEP_WARM:
        starts = _later(starts, arm.wait_seconds)
    decision, after = decide(now, spec, seen, state._replace(starts=starts, admission=Admission()))
    if starts is not arm.starts:
        # Waiting for a node is no part of what the promise is judged by.
        plain = budget_attainable(spec, after._replace(starts=arm.starts))
        decision = decision._replace(budget_attainable=plain)
    return decision, after._replace(starts=state.starts, admission=state.admission)


def _later(starts: StartTimes, seconds: float) -> StartTimes:
    """The start times of replicas that wait so long for a node before."""
    return starts._replace(
        quantiles=tuple([each + seconds for each in starts.quantiles]),
        ended_p95_seconds=starts.ended_p95_seconds + seconds,
        ended_slowest_seconds=starts.ended_slowest_seconds + seconds,
    )


def _most(spec: PoolSpec, observation: Observation) -> int:
    """While load moves to another class, the pool has one replica more for the time of a start; quota is
    never exceeded for that."""
    most = spec.max_replicas + SURGE_REPLICAS
    return most if observation.ceiling is None else min(most, max(observation.ceiling, 0))


def _has_work(spec: PoolSpec, observation: Observation) -> bool:
    if spec.min_replicas or observation.warm_floor.replicas:
        return True
    return any(
        demand.queued or demand.in_flight is None or demand.in_flight
        for demand in observation.demand
        if isinstance(demand, Reading)
    )


def _explained(now: float, decision: Decision, found: Spread) -> Decision:
    """The decision with the reason for the choice of arms, due again when that choice may change."""
    if found.why:
        decision = decision._replace(message=f"{found.why}; {decision.message}")
    return _due_by(decision, max(found.due_at, now))


def _due_by(decision: Decision, due_at: float) -> Decision:
    """The decision, made again at this instant at the latest."""
    if math.isinf(due_at):
        return decision
    return decision._replace(
        due_at=due_at if decision.due_at is None else min(decision.due_at, due_at),
        review_at=due_at if decision.review_at is None else min(decision.review_at, due_at),
    )
