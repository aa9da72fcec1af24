"""One look at one pool: observe, decide, write if anything is to change, and explain."""

from collections.abc import Callable
from dataclasses import replace

from poolkeeper.api.pool import PoolMode
from poolkeeper.controller.loop.leadership import Leads, NotLeading
from poolkeeper.controller.loop.timings import Timings
from poolkeeper.controller.pool.pod_selection import PodSelection
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import SurroundingsReader
from poolkeeper.controller.pool.translate import pool_spec
from poolkeeper.controller.pool.windows import warm_floor
from poolkeeper.controller.reconcile.ports import PodReader, ScaleReaderWriter
from poolkeeper.controller.reporting import conditions
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.controller.reporting.report import Reporter
from poolkeeper.controller.reporting.verdicts import rival, verdicts
from poolkeeper.core.learning.state import PoolState, learn, restore
from poolkeeper.core.policy.decide import decide
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.core.values.observation import Observation, WarmFloor
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.objects.events import EventType
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.transport.errors import ApiUnreachable, KubeFailure, ScaleConflict

WRITE_ATTEMPTS = 3
UNANSWERED = ApiUnreachable(
    "ApiTimeout", "the API server did not answer while this replica was sure to lead; it is read again"
)


class Reconciler:
    """Never works on the same pool twice at a time: the agenda sees to that."""

    def __init__(
        self,
        store: Store,
        *,
        scales: ScaleReaderWriter,
        pods: PodReader,
        surroundings: SurroundingsReader,
        leadership: Leads,
        reporter: Reporter,
        timings: Timings,
        clock: Callable[[], float],
        may_stop: Callable[[PoolKey], bool] = lambda _: True,
    ) -> None:
        self._store = store
        self._may_stop = may_stop
        self._scales = scales
        self._pods = pods
        self._surroundings = surroundings
        self._leadership = leadership
        self._reporter = reporter
        self._timings = timings
        self._clock = clock

    async def reconcile(self, key: PoolKey) -> float | None:
        """Bring one pool up to date; returns when it has to be looked at again without any news."""
        pool = self._store.get(key)
        if pool is None:
            return None
        news, fresh_until = pool.news, pool.demand.fresh_until()
        if news == pool.news_seen and self._clock() < min(pool.quiet_until, fresh_until):
            # Only the readings that were decided on have grown old, and newer ones say the same.
            return min(pool.quiet_until, fresh_until)
        come_back_at = await self._look(pool)
        pool.news_seen = news
        return come_back_at

    async def _look(self, pool: Pool) -> float | None:
        await self._look_around(pool)
        spec, target = self._resolve(pool), pool.declaration.target
        if spec is None or target is None:
            pool.decision = None
            return await self._reporter.report(pool, self._verdicts(pool))
        await self._read(pool, target)
        remembered = self._remember(pool, spec)
        self._decide(pool, spec, remembered)
        if self._may_write(pool) and self._is_possible_change(pool):
            await self._enforce(pool, target, spec, remembered)
        if self._store.get(pool.key) is not pool:
            return None
        self._record(pool)
        come_back_at = await self._reporter.report(pool, self._verdicts(pool))
        pool.quiet_until = self._quiet_until(pool, come_back_at)
        review_at = pool.decision.review_at if pool.decision else None
        return pool.quiet_until if review_at is None else min(pool.quiet_until, review_at)

    async def explain_failure(self, key: PoolKey, error: Exception) -> None:
        """Say on the pool that it could not be looked at."""
        pool = self._store.get(key)
        if pool is not None:
            verdicts = self._verdicts(pool) | {ConditionType.READY: conditions.internal_error(error)}
            await self._reporter.report(pool, verdicts)

    def _resolve(self, pool: Pool) -> PoolSpec | None:
        """The declaration with its class's figures; what was known stays if the class goes."""
        declared = pool.declaration.spec
        if declared is None:
            return None
        accelerator = self._store.classes.get(declared.accelerator.class_)
        if pool.resolved is None and accelerator is not None:
            pool.resolved = pool_spec(declared, accelerator)
        return pool.resolved

    async def _look_around(self, pool: Pool) -> None:
        declaration = pool.declaration
        declared, target = declaration.spec, declaration.target
        accelerator = self._store.classes.get(declared.accelerator.class_) if declared else None
        if not (declared and target and accelerator) or self._clock() < pool.surroundings.expires_at:
            return
        found = await self._surroundings.read(
            target, declared.accelerator.class_, accelerator, pool.surroundings
        )
        if pool.declaration is not declaration:
            # It was edited meanwhile, and may name another target or class now.
            return
        pool.surroundings = found

    async def _read(self, pool: Pool, target: TargetKey) -> None:
        if pool.target.is_due(self._clock()):
            await self._read_now(pool, target)

    async def _read_now(self, pool: Pool, target: TargetKey) -> None:
        asked = pool.target
        try:
            scale = await self._scales.read(target)
        except KubeFailure as failure:
            asked.has_failed(failure, self._clock())
            return
        if pool.target is not asked:
            # The pool was edited meanwhile and names another target: this answer says nothing about it.
            return
        selector = pool.target.selector
        replicas_before = pool.target.was_read(scale, self._clock())
        if scale.selector != selector:
            pods = self._pods.pods(pool.key.namespace).values()
            pool.pods = PodSelection(pods).matching(scale.selector)
        if replicas_before is not None:
            self._note_foreign_write(pool, replicas_before, scale)

    def _note_foreign_write(self, pool: Pool, before: int, scale: Scale) -> None:
        pool.starts.scaled(before, scale.replicas, self._clock())
        if not self._may_write(pool):
            return
        pool.target.was_changed_elsewhere(self._clock())
        # It may have been an autoscaler that was not there when its kind was last listed.
        pool.surroundings = replace(pool.surroundings, expires_at=0.0)
        message = f"somebody else has changed the replicas of the target from {before} to {scale.replicas}"
        self._reporter.happened(pool, "ReplicasChangedElsewhere", message)

    def _remember(self, pool: Pool, spec: PoolSpec) -> PoolState:
        """The pool's state with all that its pods have taught until now."""
        now = self._clock()
        state = pool.state or restore(pool.learned, now, spec)
        pool.starts.follow(pool.pods, now)
        for sample in pool.starts.samples(pool.pods, now):
            before, state = state, learn(state, sample)
            if sample.failed and state is not before:
                self._tell_failed_start(pool, sample.uid)
        pool.state = state
        return state

    def _tell_failed_start(self, pool: Pool, uid: str) -> None:
        pod = next(pod for pod in pool.pods if pod.uid == uid)
        message = f"pod {pod.name} does not start ({pod.failure or 'it has ended'}): see kubectl describe pod"
        self._reporter.happened(pool, "StartFailed", message, EventType.WARNING)

    def _decide(self, pool: Pool, spec: PoolSpec, remembered: PoolState) -> None:
        """Decide from what was remembered before this look: deciding twice must not count twice."""
        now = self._clock()
        observation = self._observe(pool, now)
        with self._timings.decide.time():
            pool.decision, pool.state = decide(now, spec, observation, remembered)

    def _observe(self, pool: Pool, now: float) -> Observation:
        scale = pool.target.scale
        is_seen = pool.target.are_pods_told and self._pods.failure(pool.key.namespace) is None
        pool.observation = Observation(
            demand=pool.demand.current(),
            replicas=pool.starts.replicas(scale.replicas, pool.pods, now) if scale and is_seen else None,
            warm_floor=_warm_floor(pool, now),
        )
        return pool.observation

    def _record(self, pool: Pool) -> None:
        if pool.decision and pool.observation:
            is_new = pool.history.record(pool.decision, pool.observation, self._clock())
            pool.decided[pool.decision.reason] += is_new

    def _may_write(self, pool: Pool) -> bool:
        declared = pool.declaration.spec
        is_enforced = declared is not None and declared.mode is PoolMode.ENFORCE
        return is_enforced and rival(self._store, pool) is None and self._leadership.may_write()

    def _is_current(self, pool: Pool, spec: PoolSpec) -> bool:
        """Whether a decision by this spec still stands: the pool is there, and nobody has edited it or its
        class while the API server was waited for. If somebody has, the pool is looked at again at once."""
        return self._store.get(pool.key) is pool and pool.resolved is spec

    def _is_possible_change(self, pool: Pool) -> bool:
        """The last replicas stay until activators hold what arrives; the agenda is told when they do."""
        stops = pool.decision is not None and pool.decision.replicas == 0
        return _is_change(pool) and (not stops or self._may_stop(pool.key))

    def _verdicts(self, pool: Pool) -> dict[str, Verdict]:
        failure = self._pods.failure(pool.key.namespace)
        return verdicts(self._store, pool, failure, self._clock())

    def _quiet_until(self, pool: Pool, come_back_at: float | None) -> float:
        """When something is due even if nothing happens and the queues are read with the same result."""
        pool.target.mistrust(pool.starts.short_since)
        due_at = pool.decision.due_at if pool.decision else None
        changes_at = pool.warm_floor.changes_at if pool.warm_floor else None
        times = (come_back_at, due_at, changes_at, pool.target.next_read_at)
        return min(at for at in times if at is not None)

    async def _enforce(self, pool: Pool, target: TargetKey, spec: PoolSpec, remembered: PoolState) -> None:
        """Write what was decided over what was just read; whatever changed in between is decided anew."""
        for _ in range(WRITE_ATTEMPTS):
            if not pool.target.is_fresh(self._clock()):
                await self._read_now(pool, target)
                self._decide(pool, spec, remembered)
            if not self._is_current(pool, spec) or not self._is_possible_change(pool):
                return
            try:
                await self._write(pool, target, spec)
            except ScaleConflict:
                self._timings.count_failed_write("ScaleConflict")
                pool.target.expire()
            except NotLeading:
                return
            except (KubeFailure, TimeoutError) as error:
                failure = error if isinstance(error, KubeFailure) else UNANSWERED
                self._timings.count_failed_write(failure.reason)
                pool.target.has_failed(failure, self._clock())
                return
            else:
                return

    async def _write(self, pool: Pool, target: TargetKey, spec: PoolSpec) -> None:
        decision, scale = pool.decision, pool.target.scale
        if decision is None or scale is None:
            return
        if not 0 <= decision.replicas <= max(spec.max_replicas, scale.replicas):
            raise ValueError(f"decided on {decision.replicas} replicas of at most {spec.max_replicas}")
        async with self._leadership.writing():
            written = await self._scales.write(target, scale, decision.replicas)
        now = self._clock()
        pool.target.was_written(written)
        pool.starts.scaled(scale.replicas, written.replicas, now)
        pool.writes["up" if written.replicas > scale.replicas else "down"] += 1
        self._timings.observe_reaction(now - pool.published_at)
        self._record(pool)
        self._observe(pool, now)
        message = f"{scale.replicas} → {written.replicas} replicas: {decision.message}"
        self._reporter.happened(pool, decision.reason, message)


def _warm_floor(pool: Pool, now: float) -> WarmFloor:
    """Cron expressions are only evaluated when a window opens or closes."""
    floor = pool.warm_floor
    if floor is None or (floor.changes_at is not None and now >= floor.changes_at):
        spec = pool.declaration.spec
        floor = pool.warm_floor = warm_floor(now, spec.scale_to_zero.windows if spec else ())
    return floor


def _is_change(pool: Pool) -> bool:
    """Whether the decision is to be written; what was decided without seeing the replicas never is."""
    replicas = pool.observation.replicas if pool.observation else None
    return replicas is not None and pool.decision is not None and pool.decision.replicas != replicas.desired
