"""Everything that the operator knows about one pool."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from operator import is_not
from typing import Any, NamedTuple, Self

from pydantic import ValidationError

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.pool import AcceleratorPoolSpec
from poolkeeper.controller.pool.arm import Arm, FallbackArm, Shown, fallback_arms
from poolkeeper.controller.pool.demand import PoolDemand
from poolkeeper.controller.pool.held.news import NO_NEWS, News
from poolkeeper.controller.pool.history import History, ReasonLimit
from poolkeeper.controller.pool.pod_selection import is_group_set
from poolkeeper.controller.pool.reaction import Reaction
from poolkeeper.controller.pool.refusals import NO_SHORTAGE, Shortage
from poolkeeper.controller.pool.replicas.groups import Shape, replicas_of
from poolkeeper.controller.pool.starts import Starts
from poolkeeper.controller.pool.surroundings import Surroundings
from poolkeeper.controller.pool.target import Target
from poolkeeper.controller.pool.translate import target_key
from poolkeeper.core.baselines.comparison import Comparison
from poolkeeper.core.billing.amounts import Unit
from poolkeeper.core.billing.meter import Meter
from poolkeeper.core.learning.saved import Learned
from poolkeeper.core.learning.starts.arms import NO_ARMS
from poolkeeper.core.learning.starts.attempts import Attempts
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.values.decision import Decision, Verdict
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.core.values.observation import CLEAR, NOT_SEEN_YET, Observation, Stop, WarmFloor
from poolkeeper.core.values.replica_size import UNSIZED
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.watch.pod import Pod


@dataclass(frozen=True, slots=True)
class Declaration:
    """A pool as its author wrote it. Where the spec can't be read, it is None and `problem` says why."""

    key: PoolKey
    uid: str
    generation: int
    created_at: str
    spec: AcceleratorPoolSpec | None
    problem: str = ""

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Read an AcceleratorPool as the API server sends it; an unreadable spec becomes `problem`."""
        metadata = body["metadata"]
        spec, problem = None, ""
        try:
            spec = AcceleratorPoolSpec.model_validate(body.get("spec"))
        except ValidationError as error:
            problem = first_problem(error)
        return cls(
            key=PoolKey(metadata["namespace"], metadata["name"]),
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created_at=metadata.get("creationTimestamp", ""),
            spec=spec,
            problem=problem,
        )

    @property
    def may_have_service(self) -> bool:
        """Whether requests may come through a Service: an http source is declared, or that can't be read."""
        return self.spec is None or any(source.http for source in self.spec.demand)

    @property
    def partners(self) -> frozenset[PoolKey]:
        """The other pools that `with` names."""
        named = (self.spec.with_ or ()) if self.spec else ()
        return frozenset(PoolKey(self.key.namespace, each.name) for each in named) - {self.key}

    @property
    def step(self) -> int:
        """How many pods of the target are one replica."""
        return (self.spec.replicas.step or 1) if self.spec else 1

    @property
    def target(self) -> TargetKey | None:
        return target_key(self.key.namespace, self.spec.target_ref) if self.spec else None

    @property
    def targets(self) -> tuple[TargetKey, ...]:
        """The targets of all arms, the preferred one first."""
        if self.spec is None:
            return ()
        references = (self.spec.target_ref, *(each.target_ref for each in self.spec.fallbacks or ()))
        return tuple(target_key(self.key.namespace, each) for each in references)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of all arms, the preferred one first."""
        if self.spec is None:
            return ()
        fallbacks = self.spec.fallbacks or ()
        return (self.spec.accelerator.class_, *(each.accelerator.class_ for each in fallbacks))


class FailedTemplate(NamedTuple):
    """The pod template with which an attempt to start has failed."""

    settled_at: float | None = None
    """Which attempt: when its outcome was seen."""
    digest: int | None = None
    """Checksum of the template; None where it could not be read."""
    expires_at: float = 0.0
    """Unix seconds at which it is compared again."""


NO_FAILED_TEMPLATE = FailedTemplate()


@dataclass(slots=True)
class Pool:
    """What the operator remembers about a pool; one task at a time changes it.

    In parentheses: who writes the field.
    """

    declaration: Declaration
    """The pool as its author wrote it (`accept`)."""
    learned: object
    """`status.learned` as it was when the pool was first seen; `state` begins with it (`first_seen`)."""
    history: History
    """Past decisions and the conditions (reconciler, reporter; updates while another replica leads)."""
    demand: PoolDemand = field(default_factory=PoolDemand)
    """What the pool's sources have published (readings)."""
    starts: Starts = field(default_factory=Starts)
    """Replicas that were asked for and are not ready yet (observer, reconciler)."""
    target: Target = field(default_factory=Target)
    """The target's /scale as last read or written (observer, reconciler, readings)."""
    pods: tuple[Pod, ...] = ()
    """The pods that match the target's selector (readings, observer)."""
    workers: tuple[Pod, ...] = ()
    """The other pods of its groups, where the target is a LeaderWorkerSet (readings, observer)."""
    resolved: PoolSpec | None = None
    """The declaration with its class's figures; None until the class is known (observer, updates)."""
    state: PoolState | None = None
    """What was learned about arrivals, service times and starts; None before the first look (observer,
    reconciler)."""
    warm_floor: WarmFloor | None = None
    """The replicas that open windows ask for, and when that changes (observer)."""
    observation: Observation | None = None
    """What the last decision was made from (observer)."""
    decision: Decision | None = None
    """The last decision; None before the first and while the declaration can't be followed (reconciler)."""
    reaction: Reaction = field(default_factory=Reaction)
    """What made the next write of the replicas necessary, and when (readings, updates, reconciler)."""
    status: Mapping[str, Any] = field(default_factory=dict)
    """The status that the API server has (reporter; updates while another replica leads)."""
    status_at: float = 0.0
    """Unix seconds at which this replica last wrote the status; 0 for never (reporter)."""
    status_learned: Learned | None = None
    """What that status holds of `state`; None before this replica's first write (reporter)."""
    takes_over: bool = False
    """Whether this replica has begun to lead since the last look (readings, observer)."""
    idle_due_at: float = 0.0
    """Unix seconds from which on a running idle time is written again; 0 before the first look (reporter)."""
    reason_limit: ReasonLimit = field(default_factory=ReasonLimit)
    """Which reasons of conditions were events lately (reporter)."""
    stop: Stop = CLEAR
    """Whether the last replicas may stop; always where no Service leads to the pool (readings)."""
    service: Verdict | None = None
    """Whether requests to the pool's Service can be held; None where it names no Service (readings)."""
    failed_template: FailedTemplate = NO_FAILED_TEMPLATE
    """The pod template of the last attempt to start, where that has failed (reconciler)."""
    shortage: Shortage = NO_SHORTAGE
    """Why replicas have no pods (observer)."""
    pod_news: News = NO_NEWS
    """What events say about a pod that waits (observer)."""
    pods_port: int | None = None
    """Port of the pods that the pool's Service leads to; None until the Service was read (readings)."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    """The pod template and other scalers of the target (observer, reconciler)."""
    meter: Meter | None = None
    """What the replicas were paid for; None before the first look and, while another replica of the operator
    leads, from each status that it writes until the next look (observer, updates)."""
    unit: Unit | None = None
    """What one replica holds and costs; None until its class was known (observer)."""
    unit_classes: tuple[AcceleratorClassSpec, ...] = ()
    """The classes that `unit` was made from (observer)."""
    comparison: Comparison | None = None
    """What other autoscalers would do for the same requests; None before the first look (observer)."""
    status_turns: int = 0
    """`meter.turns` as that status holds them (reporter, observer)."""
    labels: Mapping[str, Any] = field(default_factory=dict)
    """The labels of the AcceleratorPool, by which quotas may select it (updates)."""
    quota: str = ""
    """Which quota holds the pool back, and who has what it needs, as a sentence; empty where none does
    (quotas)."""
    fallbacks: tuple[FallbackArm, ...] = ()
    """The further targets of the pool, in order of preference; the fields above are about the preferred one
    (`accept`)."""
    numbers: tuple[int, ...] = ()
    """How many replicas each arm should have by the last decision; empty without fallbacks (reconciler)."""
    recorded: tuple[int, ...] = ()
    """The same when a decision was recorded last (reconciler)."""
    shown: tuple[Shown, ...] = ()
    """What the last look saw of each arm; empty without fallbacks (reconciler)."""
    news: int = 0
    """How many times something has happened that a decision may depend on (readings, updates)."""
    news_of_partners: int = 0
    """How many of these were about the pools that come up and go to zero with this one (reconciler)."""
    news_decided: int = 0
    """How many of the others the last decision has taken in (reconciler)."""
    news_seen: int = 0
    """`news` when the last look began (reconciler)."""
    quiet_until: float = 0.0
    """Without news, no look is needed before these Unix seconds while readings are fresh (reconciler)."""
    decided: Counter[str] = field(default_factory=Counter)
    """How many decisions differed from the one before, by reason (reconciler)."""
    writes: Counter[str] = field(default_factory=Counter)
    """How many writes have changed the replicas, by `up` or `down` (reconciler)."""

    @classmethod
    def first_seen(cls, body: Mapping[str, Any]) -> Self:
        """A pool that continues with the state in its status."""
        status = body.get("status") or {}
        pool = cls(
            Declaration.from_body(body),
            status.get("learned"),
            History.from_status(status),
            status=status,
            labels=labels_of(body),
        )
        pool.accept(pool.declaration)
        return pool

    @property
    def key(self) -> PoolKey:
        return self.declaration.key

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All targets of the pool: it holds the preferred one itself."""
        return (self, *self.fallbacks)

    @property
    def step(self) -> int:
        """How many of what the target counts are one replica."""
        return self.declaration.step

    @property
    def shape(self) -> Shape:
        """Of which pods one replica consists."""
        target, around = self.declaration.target, self.surroundings
        return Shape(
            step=self.declaration.step,
            is_group=is_group_set(target),
            size=around.size.pods,
            has_late_workers=around.has_late_workers,
            by_ordinal=target is not None and target.kind == "StatefulSet",
        )

    @property
    def replicas(self) -> tuple[Pod, ...]:
        """The target's replicas, those of several pods each as one."""
        return replicas_of(self.pods, self.workers, self.shape)

    @property
    def own_news(self) -> int:
        """How many times something has happened that was not about its partners."""
        return self.news - self.news_of_partners

    @property
    def is_demand_known(self) -> bool:
        """Whether the last decision was made with known demand of all sources."""
        return self.decision is not None and self.decision.demand_known.holds is True

    @property
    def are_replicas_known(self) -> bool:
        """Whether the last decision saw the target and its pods."""
        return self.observation is not None and self.observation.replicas is not None

    def accept(self, declaration: Declaration) -> None:
        """Use this declaration from now on; what was learned and measured stays."""
        if declaration.target != self.declaration.target or declaration.step != self.declaration.step:
            self.target, self.starts, self.pods = Target(is_new=True), Starts(), ()
            self.workers = ()
            self.surroundings, self.shortage, self.pod_news = Surroundings(), NO_SHORTAGE, NO_NEWS
            self.history.conditions.pop("StartsSucceed", None)
            self.state = self.state and self.state._replace(attempts=Attempts())
        elif _class_of(declaration) != _class_of(self.declaration):
            # Chips of one class are no chips of another.
            self.surroundings = replace(self.surroundings, size=UNSIZED)
        is_edited = declaration is not self.declaration
        fallbacks = fallback_arms(
            declaration.key.namespace, declaration.spec, self.fallbacks, is_edited=is_edited
        )
        if len(fallbacks) != len(self.fallbacks) or any(map(is_not, fallbacks, self.fallbacks)):
            self.numbers = self.shown = ()
            if self.state is not None:
                self.state = self.state._replace(arms=NO_ARMS)
        self.fallbacks = fallbacks
        for arm in fallbacks:
            arm.surroundings = replace(arm.surroundings, expires_at=0.0, placement_expires_at=0.0)
        self.declaration = declaration
        self.resolved = self.warm_floor = self.service = None
        self.stop = NOT_SEEN_YET if declaration.may_have_service else CLEAR
        self.look_around_again()
        self.demand.assign(declaration.spec.demand if declaration.spec else ())

    def look_around_again(self, at: float = 0.0) -> None:
        """Read pod template and other scalers at the first look from then on, in Unix seconds; what is known
        counts until then."""
        seen, self.quiet_until = self.surroundings, min(at, self.quiet_until)
        self.surroundings = replace(
            seen,
            expires_at=min(at, seen.expires_at),
            placement_expires_at=min(at, seen.placement_expires_at),
        )


def _class_of(declaration: Declaration) -> str:
    return declaration.spec.accelerator.class_ if declaration.spec else ""


def labels_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The labels of an object, which the API server only stores where they are strings."""
    return body["metadata"].get("labels") or {}


def first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in ("spec", *first["loc"]))
    return f"{where}: {first['msg']}"
