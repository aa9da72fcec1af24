"""Everything that is known about one pool while the operator runs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic import ValidationError

from poolkeeper.api.pool import AcceleratorPoolSpec
from poolkeeper.controller.pool.demand import PoolDemand
from poolkeeper.controller.pool.history import History
from poolkeeper.controller.pool.starts import Starts
from poolkeeper.controller.pool.surroundings import Surroundings
from poolkeeper.controller.pool.target import Target
from poolkeeper.controller.pool.told_reasons import ToldReasons
from poolkeeper.controller.pool.translate import target_key
from poolkeeper.core.learning.state import PoolState
from poolkeeper.core.values.decision import Decision, Verdict
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.core.values.observation import Observation, WarmFloor
from poolkeeper.core.values.spec import PoolSpec
from poolkeeper.kube.watch.pod import Pod


@dataclass(frozen=True, slots=True)
class Declaration:
    """A pool as its author wrote it; `spec` is None where it can't be read, and `problem` says why."""

    key: PoolKey
    uid: str
    generation: int
    created_at: str
    spec: AcceleratorPoolSpec | None
    problem: str = ""

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Reads an AcceleratorPool as the API server sends it; never raises about its spec."""
        metadata = body["metadata"]
        spec, problem = None, ""
        try:
            spec = AcceleratorPoolSpec.model_validate(body.get("spec"))
        except ValidationError as error:
            problem = _first_problem(error)
        return cls(
            key=PoolKey(metadata["namespace"], metadata["name"]),
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            created_at=metadata.get("creationTimestamp", ""),
            spec=spec,
            problem=problem,
        )

    @property
    def target(self) -> TargetKey | None:
        """The object that is scaled."""
        return target_key(self.key.namespace, self.spec.target_ref) if self.spec else None


@dataclass(slots=True)
class Pool:
    """What the operator remembers about a pool; one task at a time changes it.

    `resolved` is the declaration with its class's figures, None until the class is known. `pods` are those of
    the target. `observation` and `decision` are the last ones; `published_at` is the reading that led there.
    `news` counts what has happened, `news_seen` how much of it the last look took in; without any a pool
    need not be looked at before `quiet_until`, as long as its queues keep being read.
    `service` says whether requests to its Service can be held, None where it has none.
    `told` is the status that the API server has, ours since `told_at`; `told_reasons` are those of events.
    `decided` counts decisions by reason, `writes` those that changed the replicas by direction.
    """

    declaration: Declaration
    learned: dict[str, Any] | None
    history: History
    demand: PoolDemand = field(default_factory=PoolDemand)
    starts: Starts = field(default_factory=Starts)
    target: Target = field(default_factory=Target)
    pods: tuple[Pod, ...] = ()
    resolved: PoolSpec | None = None
    state: PoolState | None = None
    warm_floor: WarmFloor | None = None
    observation: Observation | None = None
    decision: Decision | None = None
    published_at: float = 0.0
    told: Mapping[str, Any] = field(default_factory=dict)
    told_at: float = 0.0
    told_reasons: ToldReasons = field(default_factory=ToldReasons)
    service: Verdict | None = None
    surroundings: Surroundings = field(default_factory=Surroundings)
    news: int = 0
    news_seen: int = 0
    quiet_until: float = 0.0
    decided: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def first_seen(cls, body: Mapping[str, Any]) -> Self:
        """A pool that goes on with what its status says."""
        status = body.get("status") or {}
        pool = cls(
            Declaration.from_body(body), status.get("learned"), History.from_status(status), told=status
        )
        pool.accept(pool.declaration)
        return pool

    @property
    def key(self) -> PoolKey:
        """Namespace and name."""
        return self.declaration.key

    @property
    def is_demand_known(self) -> bool:
        """Whether the last decision believed all sources."""
        return self.decision is not None and self.decision.demand_known.holds is True

    @property
    def are_replicas_known(self) -> bool:
        """Whether the last decision saw the target and its pods."""
        return self.observation is not None and self.observation.replicas is not None

    def accept(self, declaration: Declaration) -> None:
        """Go by this declaration from now on; what was learned and measured stays."""
        if declaration.target != self.declaration.target:
            self.target, self.starts, self.pods = Target(), Starts(), ()
            self.surroundings = Surroundings()
        self.declaration = declaration
        self.resolved = self.warm_floor = self.service = None
        self.surroundings = replace(self.surroundings, expires_at=0.0)
        self.demand.assign(declaration.spec.demand if declaration.spec else ())


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in ("spec", *first["loc"]))
    return f"{where}: {first['msg']}"
