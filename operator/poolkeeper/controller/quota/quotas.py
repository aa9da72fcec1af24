"""Keeps the books of all quotas true to what is declared, seen, decided and written.

Nothing is raised before all pools were read since this replica of the operator leads: until then a pool
counts with the most that it may have. One that can't be read counts so for UNREAD_SECONDS, and then with what
its status says.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic

from poolkeeper.api.pool import PoolMode
from poolkeeper.controller.pool.arm import Arm
from poolkeeper.controller.pool.partners import group_of
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store, target_object
from poolkeeper.controller.quota.counting import replicas_present
from poolkeeper.controller.quota.declared import Declared, declared
from poolkeeper.controller.quota.parts import part_of
from poolkeeper.controller.quota.stakes import stakes_of
from poolkeeper.controller.quota.targets import HeldTarget, targets_of
from poolkeeper.controller.quota.words import Words
from poolkeeper.core.quota.bank import Bank
from poolkeeper.core.quota.holding import Holding
from poolkeeper.core.quota.quota import Holder, Part
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.quotas import QuotaObject
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.transport.errors import ApiError, TargetFailure, TargetMissing

UNREAD_SECONDS = 60.0
"""How long a pool that can't be read counts with its most replicas. Source: chosen; a leader writes a pool's
status within seconds of its replicas, so that after this time the status is what is best known."""
ARBITERS_SHARE = 0.1
"""Most of the time that the arbiter may take."""
SHORTEST_PAUSE_SECONDS = 0.02


class NoRoom(Exception):
    """A quota has no room for a raise any more: it is decided again."""


class Quotas:
    """Called on the event loop; every method returns at once."""

    def __init__(self, store: Store, mark: Callable[[Pool], None], clock: Callable[[], float]) -> None:
        self.declared: dict[str, Declared] = {}
        self.bank = Bank()
        self._words = Words(self.bank)
        self.unread_until = 0.0
        self._store = store
        self._mark = mark
        self._clock = clock
        self._holdings: dict[Holder, Holding] = {}
        self._unread: set[Holder] = set()
        self._fallbacks: dict[PoolKey, tuple[Holder, ...]] = {}
        """The holders of each pool beside the pool itself."""
        self._news = asyncio.Event()

    # What is declared.

    def listed(self, quotas: Iterable[QuotaObject]) -> None:
        """These are all quotas."""
        found = {each.name: each for each in quotas}
        for name in self.declared.keys() - found.keys():
            self.gone(name)
        for each in found.values():
            self.seen(each)

    def seen(self, quota: QuotaObject) -> None:
        """A quota was added or edited, or its status was written."""
        before = self.declared.get(quota.name)
        if before is not None and (before.seen.uid, before.seen.generation) == (quota.uid, quota.generation):
            return
        now_declared = self.declared[quota.name] = declared(quota, before)
        self.bank.declare(now_declared.quota)
        self._count_all()

    def gone(self, name: str) -> None:
        """A quota was deleted: its pools are limited by it no more."""
        if self.declared.pop(name, None) is not None:
            self.bank.drop(name)
            self._count_all()

    # Who leads.

    def begin(self) -> None:
        """This replica begins to lead, or all pools are known now: what they hold has to be read."""
        now = self._clock()
        self.unread_until = now + UNREAD_SECONDS
        for pool in self._store.all():
            for each in targets_of(pool):
                self._holding(each).assume(each.at_most, each.noted)
                self._unread.add(each.holder)
        if self.declared:
            self._count_all()

    @property
    def unread(self) -> frozenset[Holder]:
        """Those that count with what may be there, since they were not read yet."""
        return frozenset(self._unread)

    def was_read(self, pool: Pool) -> bool:
        """Whether what the pool holds was read since this replica leads; else it counts with what may be
        there."""
        return self._holding(next(targets_of(pool))).is_read

    # One look at a pool.

    def ceiling(self, pool: Pool, *, are_pods_known: bool) -> int | None:
        """The most replicas that the pool may have, as it was just seen; None where no quota counts it."""
        for each in targets_of(pool):
            self._look(each, are_pods_known=are_pods_known)
        if not self.declared and not pool.quota:
            return None
        self._count(pool)
        if not self.counts(pool):
            pool.quota = ""
            return None
        if not self.bank.fits_together(self._coming_up(pool)):
            return 0
        return sum(self._most(each) for each in targets_of(pool))

    def most_of(self, pool: Pool) -> list[int] | None:
        """The most replicas of each target, the preferred one first; None where no quota counts the pool."""
        return [self._most(each) for each in targets_of(pool)] if self.counts(pool) else None

    def decided(self, pool: Pool, *, may_write: bool) -> None:
        """A decision was made; without the right to write it, the pool asks for nothing."""
        pool.quota = ""
        position = self.bank.position(pool.key)
        if position is None or not self.counts(pool):
            return
        stake = pool.decision.stake if pool.decision and may_write else None
        for each, mine in stakes_of(pool, stake, lambda target: self._holding(target).held):
            self.bank.stakes(each.holder, mine)
        allowed = self.bank.ceiling(pool.key)
        may_have = position.held if allowed is None else min(position.held, allowed.replicas)
        if position.stake.wanted > may_have:
            pool.quota = self._words.why_not_more(pool.key, self._unread, self.unread_until)
            together = self._coming_up(pool)
            if not self.bank.fits_together(together):
                names = ", ".join(key.name for key in together)
                pool.quota = f"no room for {names}, which come up together; {pool.quota}".removesuffix("; ")
        self._note_news()

    @contextmanager
    def writing(self, pool: Pool, arm: Arm, scale: Scale, replicas: int) -> Iterator[None]:
        """The context of one write of the replicas of one target. Raises NoRoom where a quota has no room for
        it."""
        target = next((each for each in targets_of(pool) if each.arm is arm), None)
        if target is None:
            raise NoRoom
        holding = self._holding(target)
        if replicas > scale.replicas:
            together = self._coming_up(pool)
            if not (self.bank.fits_together(together) and self.bank.reserve(target.holder, replicas)):
                raise NoRoom
            holding.reserve(replicas)
            for key in together:
                if key != pool.key and self.bank.reserve(key, 1):
                    self._holdings[key].promise(1, self._clock())
        try:
            yield
        except BaseException as error:
            if _is_refused(error):
                holding.refused()
            elif replicas > scale.replicas:
                holding.unanswered(scale.resource_version, self._clock())
            raise
        else:
            holding.written(replicas, self._clock())
        finally:
            self._count(pool)

    def counts(self, pool: Pool) -> bool:
        """Whether any quota counts the pool."""
        position = self.bank.position(pool.key)
        return position is not None and bool(position.parts)

    def changes_at(self, pool: Pool) -> float | None:
        """When the pool has to be looked at although nothing happens, since fewer replicas may count then."""
        if not self.declared:
            return None
        times = (
            self.unread_until if each.holder in self._unread else self._holding(each).changes_at()
            for each in targets_of(pool)
        )
        return min((at for at in times if at is not None), default=None)

    def forget(self, pool: Pool) -> None:
        """The pool was deleted; call it once it is no longer in the store."""
        for holder in (pool.key, *self._fallbacks.pop(pool.key, ())):
            self._forget(holder)
        # Another pool of the same target holds its replicas from now on.
        for target in pool.declaration.targets:
            for each in self._store.sharing(target):
                self._count(each)

    def _forget(self, holder: Holder) -> None:
        self._holdings.pop(holder, None)
        self._unread.discard(holder)
        self.bank.forget(holder)

    async def run(self) -> None:
        """Ask the arbiter whenever something has changed, and have the pools that it concerns looked at."""
        while True:
            await self._news.wait()
            self._news.clear()
            began = monotonic()
            self.settle()
            took_seconds = monotonic() - began
            await asyncio.sleep(max(SHORTEST_PAUSE_SECONDS, took_seconds / ARBITERS_SHARE))

    def settle(self) -> None:
        """Ask the arbiter, and have the pools looked at that may do otherwise, with their partners."""
        for holder in self.bank.settle():
            if (pool := self._store.get(PoolKey(*holder[:2]))) is not None:
                for each in group_of(self._store, pool):
                    self._mark(each)

    def _coming_up(self, pool: Pool) -> list[PoolKey]:
        """The pools that need room together for the first replica of this one; none where it has one, or has
        no partners."""
        group = group_of(self._store, pool)
        if len(group) == 1 or self._holds(pool):
            return []
        return [each.key for each in group if not self._holds(each) and _is_enforced(each)]

    def _holds(self, pool: Pool) -> int:
        """The replicas of all targets of a pool."""
        return sum(self._holding(each).held for each in targets_of(pool))

    def _most(self, target: HeldTarget) -> int:
        """What the bank allows a target; without a quota that counts it, what may be asked of it."""
        found = self.bank.ceiling(target.holder)
        return target.at_most if found is None else found.replicas

    def _holding(self, target: HeldTarget) -> Holding:
        holding = self._holdings.get(target.holder)
        if holding is None:
            holding = self._holdings[target.holder] = Holding()
            holding.assume(target.noted, target.noted)
        return holding

    def _look(self, each: HeldTarget, *, are_pods_known: bool) -> None:
        """Note what was read of a target and its pods."""
        target, holding, now = each.arm.target, self._holding(each), self._clock()
        scale = target.scale
        if scale is not None and target.has_selector and are_pods_known:
            holding.saw(*replicas_present(each.arm, each.key), now)
        elif scale is not None and not target.has_selector:
            holding.saw(scale.current_replicas, 0, now)
        elif scale is None or not holding.is_read:
            self._look_in_vain(each, holding, now)
            return
        holding.read(scale.replicas, scale.resource_version, now)
        self._unread.discard(each.holder)

    def _look_in_vain(self, each: HeldTarget, holding: Holding, now: float) -> None:
        """The target or its pods can't be read."""
        if isinstance(each.arm.target.failure, TargetMissing):
            holding.saw(0, 0, now)
            holding.read(0, "", now)
            self._unread.discard(each.holder)
        elif not holding.is_read and (each.holder not in self._unread or now >= self.unread_until):
            scale = each.arm.target.scale
            holding.assume(scale.replicas if scale else 0, holding.before)
            self._unread.discard(each.holder)

    def _count(self, pool: Pool) -> None:
        """Bring the books up to date with one pool, and with those that its targets' replicas count for."""
        targets = list(targets_of(pool))
        fallbacks = tuple(each.holder for each in targets[1:])
        for gone in set(self._fallbacks.get(pool.key, ())) - set(fallbacks):
            self._forget(gone)
        if fallbacks or pool.key in self._fallbacks:
            self._fallbacks[pool.key] = fallbacks
        for each in targets:
            owner = (self._store.owner(each.key) if each.key else None) or pool
            if owner is not pool:
                self._hand_over(each, owner)
            self._enter(pool, each, is_owner=owner is pool)
        self._note_news()

    def _hand_over(self, target: HeldTarget, owner: Pool) -> None:
        """The replicas of a target count for another pool. Where they have counted for this one until now,
        they are read again."""
        position = self.bank.position(target.holder)
        for each in targets_of(owner):
            if each.key and target.key and target_object(each.key) == target_object(target.key):
                if position is not None and position.counted:
                    self._holding(each).assume(position.counted, position.counted)
                    each.arm.target.expire()
                    self._mark(owner)
                self._enter(owner, each, is_owner=True)

    def _enter(self, pool: Pool, target: HeldTarget, *, is_owner: bool) -> None:
        self.bank.place(target.holder, dict(self._parts(pool, target)))
        holding = self._holding(target)
        held, leaving = (holding.held, holding.leaving) if is_owner else (0, 0)
        self.bank.hold(target.holder, held, leaving)

    def _parts(self, pool: Pool, target: HeldTarget) -> Iterator[tuple[str, Part]]:
        size = target.arm.surroundings.size
        for name, each in self.declared.items():
            share = each.share_of(pool.key.namespace, pool.labels)
            if share is not None:
                yield name, part_of(each.quota, share, target.class_name, size, self._store.classes)

    def _count_all(self) -> None:
        for pool in self._store.all():
            self._count(pool)
            self._mark(pool)

    def _note_news(self) -> None:
        if self.bank.is_due:
            self._news.set()


def _is_enforced(pool: Pool) -> bool:
    """Whether the operator writes the replicas of a pool: one that it only observes comes up with nobody."""
    return pool.declaration.spec is not None and pool.declaration.spec.mode is PoolMode.ENFORCE


def _is_refused(error: BaseException) -> bool:
    """Whether a write that ended so has certainly not happened and never will."""
    if isinstance(error, ApiError):
        return error.status < 500
    return isinstance(error, TargetFailure)
