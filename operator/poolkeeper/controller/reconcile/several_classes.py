"""A pool with fallbacks: all of its targets are seen, decided on together, and written one by one.

A pool without fallbacks is decided on by `core.policy` alone, and never comes here.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.controller.billing.metering import fallback_unit, unit_of
from poolkeeper.controller.pool.arm import Arm, FallbackArm, Shown
from poolkeeper.controller.pool.held.news import waiting_pod
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import ScarceKey, Store
from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.controller.reconcile.observer import replicas_of
from poolkeeper.core.arms import arm as core
from poolkeeper.core.arms.deciding import decide_over
from poolkeeper.core.arms.merging import merged
from poolkeeper.core.billing.amounts import Unit
from poolkeeper.core.learning.starts.scarce import PLENTY, Scarce
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.tuning import SURGE_REPLICAS
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.core.values.observation import Observation, Replicas
from poolkeeper.core.values.spec import PoolSpec

UNSEEN = Replicas(0, 0)
"""A fallback whose target can't be read: nothing is expected of it, and nothing is written to it."""


class Change(NamedTuple):
    """One write that is due."""

    arm: Arm
    key: TargetKey
    replicas: int


class SeveralClasses:
    """Between the pools of the store and `core.arms`."""

    def __init__(self, store: Store, quotas: Quotas) -> None:
        self._store = store
        self._quotas = quotas

    def decide(
        self, pool: Pool, spec: PoolSpec, observation: Observation, remembered: PoolState, now: float
    ) -> None:
        """Decide for the pool; `observation` shows the replicas of its preferred target."""
        arms = self._arms(pool, spec, observation.replicas or UNSEEN, now)
        outcome = decide_over(now, spec, observation, arms, remembered)
        pool.decision, pool.state, pool.observation = outcome.decision, outcome.state, outcome.observation
        pool.numbers = outcome.spread.numbers
        pool.shown = tuple(self._shown(pool, arms, now))

    def share(self, pool: Pool) -> None:
        """At the end of a look: what the pool has found out about its classes is known to the others."""
        if not pool.numbers or pool.state is None:
            return
        for key, known in zip(_keys(pool), pool.state.arms.scarce, strict=True):
            if known.is_short:
                self._store.scarce[key] = known
            else:
                self._store.scarce.pop(key, None)

    def look(self, pool: Pool, spec: PoolSpec, now: float) -> None:
        """After a write: show the replicas of all targets that the decision counts."""
        observation, state = pool.observation, pool.state
        if observation is None or observation.replicas is None or state is None:
            return
        arms = self._arms(pool, spec, observation.replicas, now)
        extra = state.arms.tried.extra or (0,) * len(arms)
        extra = tuple(min(each, len(arm.replicas.starting)) for each, arm in zip(extra, arms, strict=True))
        pool.observation = replace(observation, replicas=merged(arms, extra))
        pool.shown = tuple(self._shown(pool, arms, now))

    def _arms(self, pool: Pool, spec: PoolSpec, preferred: Replicas, now: float) -> list[core.Arm]:
        """All arms as they are seen; the start times are looked up in the state. A quota of a class lowers
        `most`."""
        class_name, quota = pool.declaration.classes[0], self._quotas.most_of(pool)
        first = core.Arm(
            name=class_name,
            replicas=preferred,
            most=spec.max_replicas if quota is None else min(spec.max_replicas, quota[0]),
            scarce=self._scarce(pool, 0),
            micro_dollars_per_hour=_price(unit_of(self._store, pool)),
            may_write=_may_write(pool, now),
        )
        fallbacks = [self._fallback(pool, spec, at, now) for at in range(len(pool.fallbacks))]
        if quota is not None:
            pairs = zip(fallbacks, quota[1:], strict=True)
            fallbacks = [each._replace(most=min(each.most, most)) for each, most in pairs]
        return [first, *fallbacks]

    def _fallback(self, pool: Pool, spec: PoolSpec, at: int, now: float) -> core.Arm:
        arm = pool.fallbacks[at]
        most = spec.max_replicas
        is_seen = arm.target.scale is not None and arm.target.has_selector
        is_followed = is_seen and arm.class_name in self._store.classes
        return core.Arm(
            name=arm.label,
            replicas=replicas_of(arm, arm.key, now) if is_seen else UNSEEN,
            most=min(arm.declared.max or most, most),
            scarce=self._scarce(pool, at + 1),
            micro_dollars_per_hour=_price(fallback_unit(self._store, arm)),
            may_write=is_followed and _may_write(arm, now),
        )

    def _scarce(self, pool: Pool, at: int) -> Scarce:
        """What the pools of the namespace know of a class; at the first look, what the pool itself knew
        before the restart."""
        found = self._store.scarce.get(_keys(pool)[at])
        if found is None and not pool.numbers and pool.state is not None and at < len(pool.state.arms.scarce):
            return pool.state.arms.scarce[at]
        return found or PLENTY

    def _shown(self, pool: Pool, arms: list[core.Arm], now: float) -> Iterator[Shown]:
        names = ["preferred", *(arm.declared.name for arm in pool.fallbacks)]
        is_counted = self._quotas.counts(pool)
        scarce = pool.state.arms.scarce if pool.state else [each.scarce for each in arms]
        for name, seen, arm, known in zip(names, arms, pool.arms, scarce, strict=True):
            message = _message(arm, seen, known, now, is_counted=is_counted)
            replicas = seen.replicas
            yield Shown(name, seen.name, replicas.desired, replicas.ready, len(replicas.starting), message)


def changes(pool: Pool) -> list[Change]:
    """The writes that are due: first what is lowered, so that there are never more replicas than allowed."""
    lowered: list[Change] = []
    raised: list[Change] = []
    for arm, key, number in zip(pool.arms, pool.declaration.targets, pool.numbers, strict=False):
        scale = arm.target.scale
        if scale is not None and scale.replicas != number:
            (raised if number > scale.replicas else lowered).append(Change(arm, key, number))
    return lowered + raised


def most_of_all(pool: Pool, spec: PoolSpec, arm: Arm) -> int:
    """The most replicas that one target may have after a write, beside those of the others."""
    scales = [each.target.scale for each in pool.arms if each is not arm]
    others = sum(scale.replicas for scale in scales if scale is not None)
    present = arm.target.scale.replicas if arm.target.scale is not None else 0
    return max(spec.max_replicas + SURGE_REPLICAS - others, present)


def due_at(pool: Pool, now: float, *, may_write: bool) -> float:
    """When a fallback has to be looked at although nothing happens. Only the leader asks why pods are
    refused, or wait."""
    times = [math.inf]
    for arm in pool.fallbacks:
        arm.target.mistrust(arm.starts.short_since)
        held = arm.target.contest.held(now)
        times += [
            arm.target.next_read_at,
            arm.starts.changes_at(now),
            held.until if held else math.inf,
        ]
        if may_write:
            pod = waiting_pod((*arm.pods, *arm.workers))
            asked = arm.shortage.due_at(arm.starts.short_since), arm.pod_news.due_at(pod)
            times += [at for at in asked if at is not None]
    return min(times)


def _may_write(arm: Arm, now: float) -> bool:
    target = arm.target
    return target.scale is not None and target.has_selector and target.contest.held(now) is None


def _price(unit: Unit | None) -> int | None:
    """Of one replica for an hour, in micro-dollars; None where its chips or their price are not known."""
    if unit is None or unit.chips is None or unit.micro_dollars_per_hour is None:
        return None
    return unit.chips * unit.micro_dollars_per_hour


def _keys(pool: Pool) -> tuple[ScarceKey, ...]:
    """Under which names it is shared what is known of the class of each arm. Two targets of a pool on one
    class have reasons to be two, such as other zones: the second one shares nothing with the first."""
    markets = ["", *(arm.declared.market or "" for arm in pool.fallbacks)]
    names = list(zip(pool.declaration.classes, markets, strict=True))
    keys = []
    for at, (name, market) in enumerate(names):
        earlier = names[:at].count((name, market))
        keys.append((pool.key.namespace, name, f"{market}#{earlier}" if earlier else market))
    return tuple(keys)


def _message(arm: Arm, seen: core.Arm, known: Scarce, now: float, *, is_counted: bool) -> str:
    if arm.target.failure is not None:
        return f"the target can't be read or written: {arm.target.failure.message}"
    if isinstance(arm, FallbackArm) and arm.target.scale is not None and not arm.target.has_selector:
        return "the target does not say which pods are its own"
    if is_counted and seen.may_write and not seen.most:
        return "an AcceleratorQuota has no room for a replica here"
    if known.is_short:
        since, next_at = format_timestamp(known.since), format_timestamp(max(known.asks_at, now))
        return f"no capacity since {since}; asked again from {next_at} on, while another class serves"
    waiting = len(seen.pending)
    waits = "1 replica waits" if waiting == 1 else f"{waiting} replicas wait"
    return f"{waits} for a node" if waiting else ""
