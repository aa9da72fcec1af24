"""All conditions of a pool at this moment, one verdict each."""

from dataclasses import replace

from poolkeeper.api.pool import Accelerator, PoolMode
from poolkeeper.controller.pool.arm import Arm
from poolkeeper.controller.pool.contest import CONTESTED
from poolkeeper.controller.pool.partners import partners_found
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.translate import is_for_training_only
from poolkeeper.controller.pool.windows import window_problems
from poolkeeper.controller.reporting import conditions
from poolkeeper.controller.reporting.conditions import UNDECIDED, ConditionType
from poolkeeper.controller.reporting.cost import within_budget
from poolkeeper.controller.reporting.orphans import no_orphans
from poolkeeper.controller.reporting.readiness_probed import readiness_probed
from poolkeeper.controller.reporting.starts_succeed import starts_succeed
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.core.values.observation import QUOTA
from poolkeeper.kube.transport.errors import KubeFailure


def verdicts(store: Store, pool: Pool, pods_failure: KubeFailure | None, now: float) -> dict[str, Verdict]:
    """All conditions of a pool. `pods_failure` says why the known pods may be out of date, if they may."""
    replicas, decision = pool.observation.replicas if pool.observation else None, pool.decision
    return {
        ConditionType.READY: _readiness(store, pool, pods_failure, now),
        ConditionType.DEMAND_KNOWN: decision.demand_known if decision else UNDECIDED,
        ConditionType.BUDGET_ATTAINABLE: decision.budget_attainable if decision else UNDECIDED,
        ConditionType.WITHIN_LIMITS: _within_limits(pool),
        ConditionType.SCALED_TO_ZERO: conditions.scaled_to_zero(replicas),
        ConditionType.SOLE_WRITER: rival(store, pool) or _contest(pool, now),
        ConditionType.STARTS_SUCCEED: starts_succeed(pool),
        ConditionType.READINESS_PROBED: readiness_probed(pool),
        ConditionType.PLACEMENT_MATCHES: _placement(pool),
        **({ConditionType.PARTNERS_FOUND: partners} if (partners := partners_found(store, pool)) else {}),
        **({ConditionType.REPLICAS_WHOLE: whole} if (whole := _whole(pool)) else {}),
        **({ConditionType.NO_ORPHANS: orphans} if (orphans := no_orphans(pool, now)) else {}),
        **({ConditionType.BILL_KEPT: store.bill_problem} if store.bill_problem else {}),
        **({ConditionType.WITHIN_BUDGET: spent} if (spent := within_budget(pool, now)) else {}),
        **({ConditionType.SERVICE_SUITABLE: pool.service} if pool.service else {}),
    }


def _whole(pool: Pool) -> Verdict | None:
    """Whether replicas are whole, where several of the target's pods are one."""
    step = pool.declaration.step
    return conditions.replicas_whole(pool.target.scale, step) if step > 1 else None


def _within_limits(pool: Pool) -> Verdict:
    """What holds the pool back; of a quota, also who has what the pool needs."""
    if pool.decision is None:
        return UNDECIDED
    found = pool.decision.within_limits
    if found.reason != QUOTA.reason or not pool.quota:
        return found
    return replace(found, message=f"{found.message}; {pool.quota}")


def rival(store: Store, pool: Pool) -> Verdict | None:
    """The other scaler of the target, because of which this pool must not write; None if it may."""
    for arm, target in zip(pool.arms, pool.declaration.targets, strict=False):
        if found := _rival_of(store, pool, arm, target):
            return found
    return None


def _rival_of(store: Store, pool: Pool, arm: Arm, target: TargetKey) -> Verdict | None:
    if arm.surroundings.scalers:
        scaler = arm.surroundings.scalers[0]
        return conditions.other_scaler(f"{scaler.kind} {scaler.name}", scaler.kind)
    # A pool that was deleted a moment ago is no longer in the store.
    owner = next(
        (each for each in store.sharing(target) if each is pool or store.can_be_followed(each)), pool
    )
    return None if owner is pool else conditions.shared_target(owner.key)


def _placement(pool: Pool) -> Verdict:
    """Whether the pod templates fit their classes: what is said of the preferred target, unless only a
    fallback's template does not fit."""
    for arm in pool.fallbacks if pool.surroundings.placement.holds is not False else ():
        found = arm.surroundings.placement
        if found.holds is False:
            return Verdict(False, found.reason, f"fallback {arm.declared.name}: {found.message}")
    return pool.surroundings.placement


def _contest(pool: Pool, now: float) -> Verdict:
    declared = pool.declaration.spec
    is_enforced = declared is not None and declared.mode is PoolMode.ENFORCE
    contested = [arm.target.contest for arm in pool.arms if arm.target.contest.pause_seconds(now)]
    if is_enforced and contested:
        contest = contested[0]
        if contest.said:
            return Verdict(False, CONTESTED, contest.said)
        return conditions.contested(contest.writer, contest.changed_at)
    for arm in pool.arms:
        if arm.surroundings.scalers_unknown:
            return conditions.unknown_scalers(arm.surroundings.scalers_unknown)
    return conditions.WRITERS_UNSEEN if pool.target.failure else conditions.SOLE_WRITER


def _class_problem(store: Store, pool: Pool, declared: Accelerator) -> Verdict | None:
    accelerator = store.classes.get(declared.class_)
    if accelerator is None:
        return conditions.unknown_class(declared.class_, store.classes, is_held=pool.resolved is None)
    if is_for_training_only(declared, accelerator):
        return conditions.class_for_training(declared.class_)
    return None


def _readiness(store: Store, pool: Pool, pods_failure: KubeFailure | None, now: float) -> Verdict:
    declared = pool.declaration.spec
    if declared is None:
        return conditions.invalid_spec(pool.declaration.problem)
    if refusal := _class_problem(store, pool, declared.accelerator):
        return refusal
    if pool.target.failure:
        return conditions.unreadable_target(pool.target.failure)
    if pool.target.scale and not pool.target.has_selector:
        return conditions.unknown_pods(pool.target.selector)
    if pods_failure:
        return Verdict(None, "PodsUnknown", f"the pods may be out of date: {pods_failure.message}")
    if declared.mode is PoolMode.OBSERVE:
        return conditions.OBSERVED
    if conflict := rival(store, pool):
        return conflict
    contest = pool.target.contest
    if pause_seconds := contest.pause_seconds(now):
        return conditions.written_rarely(contest.name, pause_seconds, contest.held(now))
    if problems := window_problems(declared.scale_to_zero.windows):
        return conditions.invalid_windows(problems)
    return conditions.MANAGED
