"""From what a look saw of a pool to its meter, and to what its budget still allows."""

import re
from typing import NamedTuple

from poolkeeper.api.pool import BudgetAction
from poolkeeper.controller.billing.calendar import DEFAULT_ZONE, day_of, time_of_day
from poolkeeper.controller.pool.arm import FallbackArm
from poolkeeper.controller.pool.history import in_flight
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.starts import Starts
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.baselines.comparison import Bounds, Comparison, Counted
from poolkeeper.core.baselines.virtual_pool import Usual
from poolkeeper.core.billing import kept, meter, say
from poolkeeper.core.billing.amounts import HOUR, MICRO, Unit
from poolkeeper.core.billing.books import Day
from poolkeeper.core.billing.meter import Meter, Seen
from poolkeeper.core.billing.occupancy import Occupant
from poolkeeper.core.billing.spending import Allowance, Spending, changes_at, spending
from poolkeeper.core.values.observation import Lowered, Reading
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.core.values.unit_cost import read_for, unit_cost
from poolkeeper.kube.watch.pod import Pod

DECIMAL = re.compile(r"([0-9]{1,9})(?:[.]([0-9]{1,6}))?")
PROMPT_SECONDS = 5.0
"""A pod that got its node so lately did so when it was seen: it shows whole seconds of another clock."""


def measure(store: Store, pool: Pool, now: float) -> None:
    """Bring the pool's meter up to date with what is seen of its replicas."""
    day = today(pool, now)
    if pool.meter is None:
        pool.meter = resume(pool, now) or meter.begin(now, day)
        pool.status_turns = pool.meter.turns
    pool.meter = meter.advance(pool.meter, now, day, _seen(store, pool, now))
    compare(pool, now)


def compare(pool: Pool, now: float) -> None:
    """Enter what KEDA and Knative would have paid since the last look."""
    spec, state, observation = pool.resolved, pool.state, pool.observation
    if pool.meter is None or pool.unit is None or spec is None or state is None or observation is None:
        return
    pool.comparison = pool.comparison or Comparison(now)
    since = pool.comparison.at
    usual = Usual(
        spec.concurrency,
        state.starts.p50_seconds,
        spec.concurrency / state.service.per_replica(spec),
        spec.node_tail_seconds,
    )
    counted = [
        Counted(each.source, each.arrived, each.queued + (each.in_flight or 0))
        for each in observation.demand
        if isinstance(each, Reading)
    ]
    paid = pool.comparison.follow(now, _bounds(pool, spec), usual, counted)
    if paid is not None:
        pool.meter = meter.compared(pool.meter, since, paid.until, pool.unit, paid.keda, paid.knative)


def resume(pool: Pool, now: float) -> Meter | None:
    """The meter as the pool's status has it; None where it has none that can be read."""
    cost = pool.status.get("cost")
    return kept.from_text(cost.get("account") if isinstance(cost, dict) else None, now)


def today(pool: Pool, now: float) -> Day:
    """The present day in the time zone of the pool's budget."""
    return day_of(now, zone_of(pool))


def zone_of(pool: Pool) -> str:
    """The time zone of the pool's budget."""
    spec = pool.declaration.spec
    return spec.budget.time_zone if spec is not None and spec.budget is not None else DEFAULT_ZONE


def spent(pool: Pool, now: float) -> Spending | None:
    """How much of the pool's budget is spent today; None where it has none, or nothing is known yet."""
    spec = pool.declaration.spec
    if spec is None or spec.budget is None or pool.meter is None:
        return None
    micro_dollars = _micro(spec.budget.dollars_per_day)
    if micro_dollars is None:
        return None
    allowance = Allowance(micro_dollars, spec.budget.action is BudgetAction.CAP)
    return spending(pool.meter, now, today(pool, now), allowance)


def budget_changes_at(pool: Pool, now: float) -> float | None:
    """When something else is true of the pool's budget although nothing happens; None where it has none."""
    found = spent(pool, now)
    return None if found is None else max(changes_at(found, now), now + 1.0)


class Fleet(NamedTuple):
    """A fixed fleet of `replicas.max` over some time; None is unknown."""

    chip_seconds: float | None = None
    micro_dollars: float | None = None


def fleet(pool: Pool, seconds: float) -> Fleet:
    """What a fixed fleet of the pool would have held, and cost."""
    spec, unit = pool.resolved, pool.unit
    if spec is None or unit is None or unit.chips is None:
        return Fleet()
    chip_seconds = spec.max_replicas * unit.chips * seconds
    price = unit.micro_dollars_per_hour
    return Fleet(chip_seconds, None if price is None else chip_seconds * price / HOUR)


def lowered_by(found: Spending, zone: str) -> Lowered:
    """Why no replica is started, where the budget is spent."""
    amount, ends_at = say.limit(found.allowance.micro_dollars), time_of_day(found.ends_at, zone)
    return Lowered("BudgetSpent", f"the spent budget of {amount} for the day until {ends_at}")


def unit_of(store: Store, pool: Pool) -> Unit | None:
    """What one replica holds and costs; None while the class is not known. A class that is gone counts as it
    was known last."""
    spec = pool.declaration.spec
    if spec is None:
        return None
    name = spec.accelerator.class_
    accelerator, chips = store.classes.get(name), pool.surroundings.size.chips
    if accelerator is None:
        return pool.unit
    # A part of a chip costs a share of the whole one, whose price may be edited too.
    read = read_for(accelerator, store.classes)
    if pool.unit is None or pool.unit_classes != read or pool.unit.chips != chips:
        cost = unit_cost(accelerator, store.classes)
        pool.unit = Unit(name, chips, cost.micro_dollars_per_hour, cost.watts)
        pool.unit_classes = read
    return pool.unit


def fallback_unit(store: Store, arm: FallbackArm) -> Unit | None:
    """What one replica of a fallback holds and costs, in the market that it declares; None while its class is
    not known."""
    accelerator, chips = store.classes.get(arm.class_name), arm.surroundings.size.chips
    if accelerator is None:
        return arm.unit
    market = arm.declared.market or accelerator.market
    cost = unit_cost(accelerator.model_copy(update={"market": market}), store.classes)
    unit = Unit(arm.class_name, chips, cost.micro_dollars_per_hour, cost.watts)
    arm.unit = unit if arm.unit != unit else arm.unit
    return arm.unit


def _seen(store: Store, pool: Pool, now: float) -> Seen | None:
    """The replicas that hold accelerators; None while they can't be seen."""
    observation, unit = pool.observation, unit_of(store, pool)
    if observation is None or observation.replicas is None or unit is None:
        return None
    tail_seconds = pool.resolved.node_tail_seconds if pool.resolved else 0.0
    known = {each.name: each for each in pool.meter.occupants} if pool.meter else {}
    # After a restart nothing was seen when it happened: the pods' own times count, however late.
    prompt_from = now if pool.meter and pool.meter.is_resumed else now - PROMPT_SECONDS
    units = [unit, *(fallback_unit(store, arm) for arm in pool.fallbacks)]
    found = tuple(
        _occupant(arm.starts, pod, known.get(pod.uid), each, now, prompt_from)
        for arm, each, target in zip(pool.arms, units, pool.declaration.targets, strict=True)
        # One pool is billed for the replicas of a target that several name.
        if each is not None and store.owns(pool, target)
        for pod in arm.pods
        if pod.has_node and not pod.is_finished
    )
    return Seen(found, in_flight(observation), tail_seconds)


def _bounds(pool: Pool, spec: PoolSpec) -> Bounds:
    declared = pool.declaration.spec
    is_held = declared is not None and any(source.http for source in declared.demand)
    floor, most = spec.min_replicas, spec.max_replicas
    return Bounds(floor, most, spec.concurrency, is_held, spec.drains_on_termination)


def _occupant(
    starts: Starts, pod: Pod, known: Occupant | None, unit: Unit, now: float, prompt_from: float
) -> Occupant:
    """A replica that has a node. One that is being terminated stays in the state that it had. What its pod
    dates after `prompt_from` is seen as it happens."""
    serves_since = starts.served_since(pod)
    if known is not None and known.serves_since is not None and serves_since is not None:
        serves_since = known.serves_since
    elif serves_since is not None and serves_since > prompt_from:
        serves_since = now
    if known is None:
        begun_at = pod.scheduled_at or pod.created_at or now
        if begun_at > prompt_from:
            begun_at = now
    else:
        begun_at = known.begun_at
    if known is not None and known.unit == unit and known.serves_since == serves_since:
        return known
    return Occupant(pod.uid, unit, begun_at, serves_since)


def _micro(amount: str) -> int | None:
    """Micro-dollars of a declared decimal; None where a CRD of another version let pass something else."""
    found = DECIMAL.fullmatch(amount)
    return int(found[1]) * MICRO + int((found[2] or "").ljust(6, "0")) if found else None
