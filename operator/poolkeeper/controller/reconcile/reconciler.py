"""One look at one pool: observe, decide, write if anything is to change, and explain."""

from collections.abc import Callable

from poolkeeper.api.pool import PoolMode
from poolkeeper.controller.billing.metering import budget_changes_at
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.controller.loop.timings import Timings
from poolkeeper.controller.pool.arm import Arm
from poolkeeper.controller.pool.held.news import NewsReader, waiting_pod
from poolkeeper.controller.pool.partners import group_of, is_news, partner
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.refusals import RefusalReader
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import SurroundingsReader
from poolkeeper.controller.quota.quotas import NoRoom, Quotas
from poolkeeper.controller.reconcile import several_classes
from poolkeeper.controller.reconcile.observer import Observer
from poolkeeper.controller.reconcile.other_writers import OtherWriters
from poolkeeper.controller.reconcile.several_classes import Change, SeveralClasses
from poolkeeper.controller.reconcile.steps import change_in_words, is_to_complete
from poolkeeper.controller.reconcile.template_edits import TemplateEdits
from poolkeeper.controller.reporting import conditions
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.controller.reporting.report import Reporter
from poolkeeper.controller.reporting.verdicts import rival, verdicts
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Reason, Verdict
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.core.values.observation import Partner
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.objects.events import EventType
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.transport.errors import ApiUnreachable, KubeFailure, ScaleConflict
from poolkeeper.kube.watch.pods import PodWatch

WRITE_ATTEMPTS = 3
UNANSWERED = ApiUnreachable(
    "ApiTimeout",
    "the API server did not answer the scale write while this replica held the lease; /scale is read again",
)


class Reconciler:
    """Works on each pool by itself: the agenda never hands out a pool that is still worked on."""

    def __init__(
        self,
        store: Store,
        *,
        scales: ScaleClient,
        pods: PodWatch,
        surroundings: SurroundingsReader,
        refusals: RefusalReader,
        news: NewsReader,
        leadership: Leads,
        quotas: Quotas,
        reporter: Reporter,
        timings: Timings,
        clock: Callable[[], float],
        mark: Callable[[Pool], None],
    ) -> None:
        """`mark` makes another pool due a look at once."""
        self._store = store
        self._mark = mark
        self._scales = scales
        self._other_writers = OtherWriters(surroundings, reporter, clock)
        self._observer = Observer(
            store,
            scales=scales,
            pods=pods,
            surroundings=surroundings,
            refusals=refusals,
            quotas=quotas,
            news=news,
            clock=clock,
        )
        self._quotas = quotas
        self._several_classes = SeveralClasses(store, quotas)
        self._template_edits = TemplateEdits(surroundings, clock)
        self._leadership = leadership
        self._reporter = reporter
        self._timings = timings
        self._clock = clock

    async def reconcile(self, key: PoolKey) -> float | None:
        """Bring one pool up to date; returns when it has to be looked at again even if nothing happens."""
        pool = self._store.get(key)
        if pool is None:
            return None
        news, fresh_until = pool.news, pool.demand.fresh_until()
        if news == pool.news_seen and self._clock() < min(pool.quiet_until, fresh_until):
            # Nothing new: newer readings have only repeated those that were decided on.
            return min(pool.quiet_until, fresh_until)
        pool.reaction.look_begins(self._clock(), pool.decision.due_at if pool.decision else None)
        come_back_at = await self._look(pool)
        pool.news_seen = news
        return come_back_at

    async def explain_failure(self, key: PoolKey, error: Exception) -> None:
        """Say on the pool that it could not be looked at."""
        pool = self._store.get(key)
        if pool is not None:
            verdicts = self._verdicts(pool) | {ConditionType.READY: conditions.internal_error(error)}
            await self._reporter.report(pool, verdicts)

    async def _look(self, pool: Pool) -> float | None:
        await self._observer.look_around(pool)
        await self._observer.look_around_fallbacks(pool)
        spec, target = self._observer.specification(pool), pool.declaration.target
        if spec is None or target is None:
            shown = partner(pool)
            pool.decision = None
            self._quotas.ceiling(pool, are_pods_known=self._observer.pods_failure(pool) is None)
            self._show_partners(pool, shown)
            return await self._reporter.report(pool, self._verdicts(pool))
        if pool.target.is_due(self._clock()):
            await self._read(pool, pool, target)
        for arm in pool.fallbacks:
            if arm.target.is_due(self._clock()):
                await self._read(pool, arm, arm.key)
        if self._leadership.may_write():
            for each, key in zip(pool.arms, pool.declaration.targets, strict=False):
                await self._observer.look_for_refusals(each, key)
                await self._observer.look_for_news(each)
            await self._template_edits.look(pool, target)
        remembered = self._learn(pool, spec)
        self._decide(pool, spec, remembered)
        is_change = self._may_write(pool) and _is_change(pool, spec)
        pool.reaction.decided(is_change=is_change)
        if is_change:
            await self._enforce(pool, target, spec, remembered)
        self._several_classes.share(pool)
        if self._store.get(pool.key) is not pool:
            return None
        self._record(pool)
        come_back_at = await self._reporter.report(pool, self._verdicts(pool))
        pool.quiet_until = self._quiet_until(pool, come_back_at)
        review_at = pool.decision.review_at if pool.decision else None
        return pool.quiet_until if review_at is None else min(pool.quiet_until, review_at)

    async def _read(self, pool: Pool, arm: Arm, target: TargetKey) -> None:
        """Read /scale of an arm, and note it where somebody else has changed the replicas."""
        before, scale = await self._observer.read_scale(pool, arm, target), arm.target.scale
        if scale is None:
            return
        if before is not None:
            arm.starts.scaled(before, scale.replicas, self._clock())
        if not self._may_write(pool):
            arm.target.disown()
        elif arm.target.asked is None:
            await self._other_writers.found(pool, arm, target)
        elif before is not None:
            await self._other_writers.changed(pool, arm, target, before)

    def _learn(self, pool: Pool, spec: PoolSpec) -> PoolState:
        """The pool's state with what its pods show, before a decision is made from it."""
        state, failed = self._observer.learn_from_pods(pool, spec)
        for pod in failed:
            reason = pod.failure or "it has ended"
            message = f"pod {pod.name} does not start ({reason}): see kubectl describe pod"
            self._reporter.happened(pool, "StartFailed", message, EventType.WARNING)
        return state

    def _decide(self, pool: Pool, spec: PoolSpec, remembered: PoolState) -> None:
        """Decide from the state before this look, so that deciding twice in one look counts once."""
        now, shown = self._clock(), partner(pool)
        pool.news_decided = pool.own_news
        observation = self._observer.observe(pool, now)
        with self._timings.decide.time():
            if pool.fallbacks and observation.replicas is not None:
                self._several_classes.decide(pool, spec, observation, remembered, now)
            else:
                pool.numbers = ()
                pool.decision, pool.state = decide(now, spec, observation, remembered)
        if self._quotas.counts(pool):
            self._quotas.decided(pool, may_write=self._may_write(pool))
        self._show_partners(pool, shown)

    def _show_partners(self, pool: Pool, shown: Partner) -> None:
        """What a pool wants is news for the pools that come up and go to zero with it."""
        if is_news(shown, partner(pool)):
            for each in group_of(self._store, pool)[1:]:
                each.news_of_partners += 1
                self._mark(each)

    def _record(self, pool: Pool) -> None:
        if pool.decision and pool.observation:
            has_moved, pool.recorded = pool.numbers != pool.recorded, pool.numbers
            is_new = pool.history.record(
                pool.decision, pool.observation, self._clock(), has_moved=has_moved and any(pool.numbers)
            )
            pool.decided[pool.decision.reason] += is_new

    def _may_write(self, pool: Pool) -> bool:
        declared = pool.declaration.spec
        is_enforced = declared is not None and declared.mode is PoolMode.ENFORCE
        return is_enforced and rival(self._store, pool) is None and self._leadership.may_write()

    def _is_current(self, pool: Pool, spec: PoolSpec) -> bool:
        """Whether a decision by this spec still stands: the pool exists, and neither it nor its class was
        edited while the API server was waited for. After an edit the pool is looked at again at once."""
        return self._store.get(pool.key) is pool and pool.resolved is spec

    def _verdicts(self, pool: Pool) -> dict[str, Verdict]:
        return verdicts(self._store, pool, self._observer.pods_failure(pool), self._clock())

    def _quiet_until(self, pool: Pool, come_back_at: float | None) -> float:
        """When the next look is due although nothing happens and the queues give the same readings."""
        pool.target.mistrust(pool.starts.short_since)
        # Only the leader asks why pods are refused, or wait.
        short_since, waiting = None, None
        if self._leadership.may_write():
            short_since, waiting = pool.starts.short_since, waiting_pod((*pool.pods, *pool.workers))
        held = pool.target.contest.held(self._clock())
        times = (
            come_back_at,
            pool.decision.due_at if pool.decision else None,
            pool.decision.explain_at if pool.decision else None,
            pool.warm_floor.changes_at if pool.warm_floor else None,
            pool.surroundings.due_at,
            held.until if held else None,
            pool.target.contest.ends_at(self._clock()),
            pool.shortage.due_at(short_since),
            pool.pod_news.due_at(waiting),
            self._template_edits.due_at(pool) if self._leadership.may_write() else None,
            pool.starts.changes_at(self._clock()),
            several_classes.due_at(pool, self._clock(), may_write=self._leadership.may_write()),
            budget_changes_at(pool, self._clock()),
            self._quotas.changes_at(pool),
        )
        return min(pool.target.next_read_at, *(at for at in times if at is not None))

    async def _enforce(self, pool: Pool, target: TargetKey, spec: PoolSpec, remembered: PoolState) -> None:
        """Write what was decided over what was just read; after a conflict, read and decide again."""
        for _ in range(WRITE_ATTEMPTS):
            is_renewed = self._raises_in_quota(pool) and await self._observer.renew_size(pool)
            due = self._changes(pool, target)
            stale = [each for each in due if not each.arm.target.is_fresh(self._clock())]
            for each in stale:
                await self._read(pool, each.arm, each.key)
            if is_renewed or stale:
                self._decide(pool, spec, remembered)
            if not self._is_current(pool, spec) or not _is_change(pool, spec):
                return
            if await self._write_all(pool, target, spec):
                return

    def _changes(self, pool: Pool, target: TargetKey) -> list[Change]:
        """The writes that the decision asks for: one, unless the pool has fallbacks."""
        if pool.fallbacks:
            return several_classes.changes(pool)
        return [Change(pool, target, pool.decision.replicas)] if pool.decision else []

    async def _write_all(self, pool: Pool, target: TargetKey, spec: PoolSpec) -> bool:
        """Write what is due. Returns whether that is over: it is not where a target was changed meanwhile, so
        that it has to be read again."""
        for arm, key, replicas in self._changes(pool, target):
            try:
                await self._write(pool, arm, key, replicas, spec)
            except ScaleConflict:
                self._timings.failed_writes.labels("ScaleConflict").inc()
                arm.target.expire()
                return False
            except (NotLeading, NoRoom):
                return True
            except (KubeFailure, TimeoutError) as error:
                failure = error if isinstance(error, KubeFailure) else UNANSWERED
                self._timings.failed_writes.labels(failure.reason).inc()
                arm.target.contest.wrote(self._clock())
                arm.target.has_failed(failure, self._clock())
                return True
        return True

    def _raises_in_quota(self, pool: Pool) -> bool:
        """Whether the decision is to add replicas that a quota counts."""
        if not self._quotas.counts(pool) or pool.declaration.target is None:
            return False
        due = self._changes(pool, pool.declaration.target)
        scales = [(each.arm.target.scale, each.replicas) for each in due]
        return any(scale is not None and replicas > scale.replicas for scale, replicas in scales)

    async def _write(self, pool: Pool, arm: Arm, target: TargetKey, replicas: int, spec: PoolSpec) -> None:
        decision, scale = pool.decision, arm.target.scale
        if decision is None or scale is None:
            return
        most = max(spec.max_replicas, scale.replicas)
        if pool.fallbacks:
            most = several_classes.most_of_all(pool, spec, arm)
        if not 0 <= replicas <= most:
            raise ValueError(f"a bug: decided on {replicas} replicas, which is not in 0 to {most}")
        async with self._leadership.writing():
            with self._quotas.writing(pool, arm, scale, replicas):
                written = await self._scales.write(target, scale, replicas)
        now = self._clock()
        is_completed = written.replicas == scale.replicas
        is_corrected = is_completed or decision.reason is Reason.OUT_OF_BOUNDS
        arm.target.was_written(written, now, only_corrected=is_corrected)
        arm.starts.scaled(scale.replicas, written.replicas, now)
        is_start = written.pods > scale.pods
        pool.writes["up" if is_start else "down"] += 1
        if (seconds := pool.reaction.written(now, is_start=is_start)) is not None:
            self._timings.reaction.observe(seconds)
        self._record(pool)
        self._observer.observe(pool, now)
        change = change_in_words(scale, written)
        if pool.fallbacks:
            self._several_classes.look(pool, spec, now)
            change = f"{change} of {target.kind} {target.name}"
        self._reporter.happened(pool, decision.reason, f"{change}: {decision.message}")


def _is_change(pool: Pool, spec: PoolSpec) -> bool:
    """Whether the decision differs from the replicas, or the last of them is a part; never where it was made
    without seeing them."""
    seen, decision = pool.observation, pool.decision
    if seen is None or seen.replicas is None or decision is None:
        return False
    if pool.fallbacks:
        return bool(several_classes.changes(pool))
    return decision.replicas != seen.replicas.desired or (
        is_to_complete(pool.target.scale, spec.max_replicas) and seen.held is None
    )
