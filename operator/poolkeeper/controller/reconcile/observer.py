"""What one look at a pool sees: its target's /scale, its pods, what is around it, and what they teach."""

from collections.abc import Callable
from dataclasses import replace

from poolkeeper.api.pool import PoolMode
from poolkeeper.controller.billing.metering import lowered_by, measure, spent, zone_of
from poolkeeper.controller.pool.arm import Arm
from poolkeeper.controller.pool.held.news import NO_NEWS, NewsReader, waiting_pod
from poolkeeper.controller.pool.partners import partners_of
from poolkeeper.controller.pool.pod_selection import PodSelection, without_those_of
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.refusals import NO_SHORTAGE, RefusalReader
from poolkeeper.controller.pool.replicas.serving import serving
from poolkeeper.controller.pool.siblings import starts_of_siblings, waits_of_siblings
from poolkeeper.controller.pool.starts import Rules
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import SurroundingsReader
from poolkeeper.controller.pool.translate import DEFAULT_START_SECONDS, is_for_training_only, pool_spec
from poolkeeper.controller.pool.troubles import explained
from poolkeeper.controller.pool.windows import warm_floor
from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.core.learning.saved import restore
from poolkeeper.core.learning.starts import admission, arms
from poolkeeper.core.learning.starts.start_time import StartTimes, share
from poolkeeper.core.learning.state import PoolState, learn
from poolkeeper.core.values.demand import Workload, survey
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.core.values.observation import (
    CLEAR,
    QUOTA,
    Lowered,
    Observation,
    Replicas,
    Stop,
    WarmFloor,
)
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.watch.pod import Pod
from poolkeeper.kube.watch.pods import PodWatch

SIZE_FRESH_SECONDS = 10.0
"""What a replica uses of a quota was read no longer ago than this when one is added."""


class Observer:
    """Writes what it sees into the pool; decides nothing, and writes nothing to the cluster."""

    def __init__(
        self,
        store: Store,
        *,
        scales: ScaleClient,
        pods: PodWatch,
        surroundings: SurroundingsReader,
        refusals: RefusalReader,
        quotas: Quotas,
        news: NewsReader,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._scales = scales
        self._pods = pods
        self._surroundings = surroundings
        self._refusals = refusals
        self._quotas = quotas
        self._news = news
        self._clock = clock

    def specification(self, pool: Pool) -> PoolSpec | None:
        """The declaration with its class's figures, the last known ones if the class is gone; None while the
        declaration can't be read, its class was never seen, or the class is for training only."""
        declared = pool.declaration.spec
        if declared is None:
            return None
        accelerator = self._store.classes.get(declared.accelerator.class_)
        if is_for_training_only(declared.accelerator, accelerator):
            return None
        if pool.resolved is None and accelerator is not None:
            pool.resolved = pool_spec(declared, accelerator)
        return pool.resolved

    async def look_around(self, pool: Pool) -> None:
        """Read the pod template and other scalers of the target, where what is known about them is old.

        Without its class, a pool that has read the class before is still scaled: other scalers count.
        """
        declaration = pool.declaration
        declared, target = declaration.spec, declaration.target
        accelerator = self._store.classes.get(declared.accelerator.class_) if declared else None
        is_followed = accelerator is not None or pool.resolved is not None
        if not (declared and target and is_followed) or self._clock() < pool.surroundings.expires_at:
            return
        found = await self._surroundings.read(
            target,
            declared.accelerator.class_,
            accelerator,
            pool.surroundings,
            step=declaration.step,
        )
        # The pool may have been edited meanwhile, and may name another target or class now.
        if pool.declaration is declaration:
            pool.surroundings = found
            self._share_starts(pool)

    async def look_around_fallbacks(self, pool: Pool) -> None:
        """The same for the fallbacks of a pool."""
        for arm in pool.fallbacks:
            accelerator = self._store.classes.get(arm.class_name)
            if accelerator is not None and self._clock() >= arm.surroundings.expires_at:
                arm.surroundings = await self._surroundings.read(
                    arm.key, arm.class_name, accelerator, arm.surroundings
                )

    async def renew_size(self, pool: Pool) -> bool:
        """Read the pod template again before a raise that a quota counts: an edit may have made replicas
        larger. Returns whether it was read."""
        if self._clock() < pool.surroundings.template_read_at + SIZE_FRESH_SECONDS:
            return False
        pool.surroundings = replace(pool.surroundings, expires_at=0.0, placement_expires_at=0.0)
        await self.look_around(pool)
        return True

    def _share_starts(self, pool: Pool) -> None:
        """Give a pool with few starts of its own those of others that load the same image, and the waits of
        those that wait for the same nodes."""
        if pool.state is not None:
            starts = share(pool.state.starts, starts_of_siblings(self._store, pool))
            waits = admission.share(pool.state.admission, waits_of_siblings(self._store, pool))
            if starts is not pool.state.starts or waits is not pool.state.admission:
                pool.state = pool.state._replace(starts=starts, admission=waits)

    async def look_for_refusals(self, arm: Arm, target: TargetKey) -> None:
        """Read why pods are refused, while replicas have had none for longer than their controller needs."""
        starts, due_at = arm.starts, arm.shortage.due_at(arm.starts.short_since)
        if due_at is None:
            arm.shortage = NO_SHORTAGE
        elif self._clock() >= due_at:
            found = await self._refusals.read(target, arm.shortage)
            # The pool may have been edited meanwhile, and may name another target now.
            if arm.starts is starts:
                arm.shortage = found

    async def look_for_news(self, arm: Arm) -> None:
        """Read what events say of a pod that waits longer than usual for a node, or for its containers."""
        starts, pod = arm.starts, waiting_pod((*arm.pods, *arm.workers))
        due_at = arm.pod_news.due_at(pod)
        if pod is None or due_at is None:
            arm.pod_news = NO_NEWS
        elif self._clock() >= due_at:
            found = await self._news.read(pod, arm.pod_news)
            # The pool may have been edited meanwhile, and may name another target now.
            if arm.starts is starts:
                arm.pod_news = found

    async def read_scale(self, pool: Pool, arm: Arm, target: TargetKey) -> int | None:
        """Read /scale. Returns the replicas before, where somebody has changed them since the last read."""
        asked, step = arm.target, arm.step
        try:
            scale = (await self._scales.read(target)).in_steps(step)
        except KubeFailure as failure:
            asked.has_failed(failure, self._clock())
            return None
        if arm.target is not asked:
            # The pool was edited meanwhile and names another target: this answer says nothing about it.
            return None
        selector = arm.target.selector
        replicas_before = arm.target.was_read(scale, self._clock())
        if scale.selector != selector:
            selection = PodSelection(self._pods.pods(target.namespace).values())
            matching = selection.matching(scale.selector, target)
            arm.pods = without_those_of(matching, target, pool.declaration.targets)
            arm.workers = selection.workers(target)
        return replicas_before

    def learn_from_pods(self, pool: Pool, spec: PoolSpec) -> tuple[PoolState, list[Pod]]:
        """The pool's state with what its pods show about starts, and the pods whose start has just failed."""
        now = self._clock()
        failed: list[Pod] = []
        state = _taken_over(pool, now, spec, pool.state or restore(pool.learned, now, spec))
        replicas = pool.replicas
        pool.starts.follow(replicas, now, self._rules(pool, state))
        if pool.starts.has_unproven and not any(arm.pods for arm in pool.fallbacks):
            pool.starts.note_work(now, spec, _workload(pool, now, spec, state))
        for sample in pool.starts.samples(replicas, now):
            before, state = state, learn(state, sample)
            if sample.failed and state is not before:
                failed += [pod for pod in replicas if pod.uid == sample.uid]
        if pool.fallbacks:
            state = self._learn_from_fallbacks(pool, now, state)
        is_first, pool.state = pool.state is None, state
        if is_first:
            self._share_starts(pool)
        return pool.state, failed

    def _learn_from_fallbacks(self, pool: Pool, now: float, state: PoolState) -> PoolState:
        """What the pods of the fallbacks show about starts on their classes. Who took which request is not
        asked there: with several targets, that can't be seen."""
        priors = [self._prior_seconds(pool, arm.class_name) for arm in pool.fallbacks]
        memory = arms.prepared(state.arms, priors)
        known = list(memory.fallbacks)
        for at, arm in enumerate(pool.fallbacks):
            replicas = arm.replicas
            arm.starts.follow(replicas, now, self._rules_of(pool, arm.class_name, known[at].starts))
            for sample in arm.starts.samples(replicas, now):
                known[at] = arms.learn(known[at], sample)
        return state._replace(arms=memory._replace(fallbacks=tuple(known)))

    def _prior_seconds(self, pool: Pool, class_name: str) -> float:
        accelerator, declared = self._store.classes.get(class_name), pool.declaration.spec
        expected = declared.cold_start.expected_seconds if declared else None
        known = accelerator.expected_start_seconds if accelerator else None
        return float(known or expected or DEFAULT_START_SECONDS)

    def _rules(self, pool: Pool, state: PoolState) -> Rules:
        """What decides whether a replica of the pool serves."""
        declared = pool.declaration.spec
        return self._rules_of(pool, declared.accelerator.class_ if declared else "", state.starts)

    def _rules_of(self, pool: Pool, class_name: str, starts: StartTimes) -> Rules:
        """The same for replicas of one class, whose starts take so long."""
        declared = pool.declaration.spec
        sources = declared.demand if declared else ()
        return Rules(
            serving=serving(self._store.classes.get(class_name), sources, pool.pods_port),
            usual_seconds=starts.ended_p95_seconds,
            longest_seconds=starts.ended_slowest_seconds,
            takes_unready=any(source.http is None for source in sources),
        )

    def observe(self, pool: Pool, now: float) -> Observation:
        """Everything that a decision is made from. The replicas are None where they can't be seen: the target
        is unread, does not say which pods are its own, or its pods may be out of date."""
        scale = pool.target.scale
        is_seen = pool.target.has_selector and self.pods_failure(pool) is None
        quota = self._quotas.ceiling(pool, are_pods_known=self.pods_failure(pool) is None)
        ceiling, ceiling_by = _ceiling(pool, quota, now)
        pool.observation = Observation(
            demand=pool.demand.current(),
            replicas=replicas_of(pool, pool.declaration.target, now) if scale and is_seen else None,
            warm_floor=_warm_floor(pool, now),
            ceiling=ceiling,
            ceiling_by=ceiling_by,
            stop=_stop(pool),
            held=None if _is_observed(pool) or pool.fallbacks else pool.target.contest.held(now),
            partners=partners_of(self._store, pool),
        )
        measure(self._store, pool, now)
        return pool.observation

    def pods_failure(self, pool: Pool) -> KubeFailure | None:
        """Why the pods of a pool may be out of date; None while they are current."""
        return self._pods.failure(pool.key.namespace)


def _ceiling(pool: Pool, quota: int | None, now: float) -> tuple[int | None, Lowered]:
    """The most replicas that may be, and what says so, where that is less than the spec's maximum; `quota` is
    what quotas allow."""
    found = spent(pool, now)
    if found is None or not found.stops_starts:
        return quota, QUOTA
    return 0, lowered_by(found, zone_of(pool))


def _taken_over(pool: Pool, now: float, spec: PoolSpec, state: PoolState) -> PoolState:
    """A standby does not see every stop, and reads no events, so at the first look as the leader it goes on
    with what the leader before has learned from stops, and of waits for admission. Pools that see all work
    learn nothing from stops."""
    takes_over, pool.takes_over = pool.takes_over, False
    if not takes_over:
        return state
    saved = restore(pool.status.get("learned"), now, spec)
    waits, kept = saved.admission, state.admission
    if waits.remembered not in (admission.NOTHING_HELD, kept.remembered):
        state = state._replace(admission=waits._replace(waiting=kept.waiting, shared=kept.shared))
    sees_all = not spec.uncounted and all(source.sees_in_flight for source in spec.sources)
    return state if sees_all or not saved.silence.doubts else state._replace(silence=saved.silence)


def replicas_of(arm: Arm, key: TargetKey | None, now: float) -> Replicas:
    """The replicas of one target, whose /scale was read."""
    # Pods may have come while /scale was read or written.
    seen = arm.replicas
    arm.starts.follow(seen, now)
    replicas = arm.starts.replicas(arm.target.scale.replicas if arm.target.scale else 0, seen, now)
    replicas = explained(replicas, (*arm.pods, *arm.workers), key, arm.shortage.refusal, arm.pod_news)
    return replace(replicas, foreign=arm.target.foreign) if arm.target.foreign else replicas


def _stop(pool: Pool) -> Stop:
    """In mode Observe nothing is written, so activators never come and the decision shows the stop itself."""
    return CLEAR if _is_observed(pool) else pool.stop


def _is_observed(pool: Pool) -> bool:
    spec = pool.declaration.spec
    return spec is not None and spec.mode is PoolMode.OBSERVE


def _workload(pool: Pool, now: float, spec: PoolSpec, state: PoolState) -> Workload:
    """The demand that a decision would see now."""
    hold_seconds = max(spec.idle_seconds or 0.0, state.starts.p50_seconds)
    return survey(now, spec, Observation(pool.demand.current(), None), hold_seconds)


def _warm_floor(pool: Pool, now: float) -> WarmFloor:
    """Cron expressions are only evaluated when a window opens or closes."""
    floor = pool.warm_floor
    if floor is None or (floor.changes_at is not None and now >= floor.changes_at):
        spec = pool.declaration.spec
        floor = warm_floor(now, spec.scale_to_zero.windows if spec else ())
        pool.warm_floor = floor = replace(floor, replicas=-(-floor.replicas // pool.declaration.step))
    return floor
