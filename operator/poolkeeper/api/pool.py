"""AcceleratorPool v1alpha1: what a user promises about waiting, and where the requests wait."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from poolkeeper.api.accelerator_class import Market
from poolkeeper.api.base import ApiModel, ObjectName, PositiveSeconds, Seconds
from poolkeeper.api.demand import DemandSource
from poolkeeper.api.markers import Cel, IntOrString, ListMap


class StartMode(StrEnum):
    """When a needed start is issued, relative to the deadlines of the requests that wait."""

    AUTO = "Auto"
    AT_DEADLINE = "AtDeadline"
    IMMEDIATELY = "Immediately"


class WhenUnattainable(StrEnum):
    """What to do while the learned start time exceeds the budget."""

    BEST_EFFORT = "BestEffort"
    KEEP_WARM = "KeepWarm"


class ZeroMode(StrEnum):
    """How long an idle pool keeps its last replicas."""

    LEARNED = "Learned"
    FIXED = "Fixed"
    NEVER = "Never"


class PoolMode(StrEnum):
    """Whether decisions are written to the target or only recorded."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class TargetReference(ApiModel):
    """The workload that is scaled: anything in the pool's namespace with a /scale subresource."""

    api_version: Annotated[
        str,
        Field(min_length=2, max_length=253),
        Cel(
            "self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?$')",
            "must be VERSION or GROUP/VERSION, for example apps/v1",
        ),
    ] = "apps/v1"
    """Group and version of the target's kind."""
    kind: Annotated[
        str,
        Field(min_length=1, max_length=63),
        Cel("self.matches('^[A-Z][A-Za-z0-9]*$')", "must be a kind, for example Deployment"),
    ] = "Deployment"
    """Kind of the target; the operator may scale the kinds that the chart's value `targets` grants."""
    name: ObjectName
    """Name of the target, in the pool's own namespace."""


class Accelerator(ApiModel):
    """The type of accelerator that a replica uses. The number of chips is read from the pod template."""

    class_: Annotated[ObjectName, Field(alias="class")]
    """Name of an AcceleratorClass."""
    allow_training: bool = False
    """Whether replicas may run on a class whose purpose is Training. Otherwise such a pool starts none."""


class ReplicaBounds(ApiModel):
    """The fewest and the most replicas of the pool."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("self.min <= self.max", "min must not exceed max"),
        Cel(
            "!has(self.step) || (self.min % self.step == 0 && self.max % self.step == 0)",
            "min and max must be multiples of step: so many pods are one server, and fewer are none",
        ),
    )

    min: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Fewest replicas, also while nothing waits. 0 allows the pool to scale to zero."""
    max: Annotated[int, Field(ge=1, le=10_000)]
    """Most replicas, however many requests wait."""
    step: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """How many pods of the target are one server, for a StatefulSet whose pods are the ranks of one model.
    The target is only set to multiples of it. Example: with 2, a pool has 0 or 2 pods, never 1 or 3.
    `concurrency` counts requests of one server. If absent, each pod is a server. Leave it out for a
    LeaderWorkerSet: each of its replicas is a whole group already."""


class ColdStart(ApiModel):
    """The promise: how long a request may wait, for what share of requests, and when to start."""

    budget_seconds: PositiveSeconds
    """Longest time that a request may wait, in seconds, from its arrival until a replica takes it. A number
    without a unit: 60, not "60s"."""
    objective_percent: Annotated[
        int | str,
        Field(union_mode="left_to_right"),
        IntOrString(),
        Cel(
            "type(self) == int ? (self >= 50 && self <= 99) : "
            "(string(self).matches('^[0-9]{1,2}([.][0-9]{1,2})?$') "
            "&& double(string(self)) >= 50.0 && double(string(self)) <= 99.99)",
            "must lie between 50 and 99.99; a fraction is written as a string with at most two decimals, "
            'for example "99.5"',
        ),
    ] = 99
    """Share of requests that must be taken within the budget, in percent: a whole number, or a string like
    "99.5". At "99.99" every start is made at once."""
    start: StartMode = StartMode.AUTO
    """When a replica is started. AtDeadline: as late as the budget allows, which costs least. Immediately:
    when a request arrives. Auto: Immediately for an http source, where a client waits on an open connection,
    and AtDeadline for queues."""
    when_unattainable: WhenUnattainable = WhenUnattainable.BEST_EFFORT
    """What to do while the learned start time exceeds the budget. BestEffort: start as early as possible.
    KeepWarm: keep at least one replica."""
    expected_seconds: PositiveSeconds | None = None
    """How long a start is expected to take, in seconds, until starts have been measured. If absent, the
    figure of the AcceleratorClass is used."""


class WarmWindow(ApiModel):
    """A recurring time in which the pool keeps at least `replicas`, as two cron expressions in a time
    zone."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the window, shown in messages."""
    start: Annotated[
        str,
        Field(min_length=9, max_length=128),
        Cel(
            r"self.matches('^\\S+( +\\S+){4}$')",
            "must be a cron expression of five fields, for example 0 8 * * MON-FRI",
        ),
    ]
    """When the window opens."""
    end: Annotated[
        str,
        Field(min_length=9, max_length=128),
        Cel(
            r"self.matches('^\\S+( +\\S+){4}$')",
            "must be a cron expression of five fields, for example 0 18 * * MON-FRI",
        ),
    ]
    """When the window closes."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "Etc/UTC"
    """Name of the time zone in the IANA database, for example Europe/Berlin."""
    replicas: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Fewest replicas while the window is open."""


class ScaleToZero(ApiModel):
    """When an idle pool may scale to zero."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("self.mode != 'Fixed' || has(self.idleSeconds)", "idleSeconds is required with mode Fixed"),
    )

    mode: ZeroMode = ZeroMode.LEARNED
    """Learned compares the cost of staying up with the cost of the next start. Fixed waits for idleSeconds.
    Never keeps at least one replica."""
    idle_seconds: Seconds | None = None
    """With mode Fixed: seconds without work after which the pool scales to zero."""
    windows: Annotated[tuple[WarmWindow, ...], Field(max_length=16), ListMap(("name",))] = ()
    """Recurring times in which the pool keeps more replicas up, for example office hours."""


class ScaleDown(ApiModel):
    """How replicas stop."""

    drains_on_termination: bool = False
    """Whether a replica that is being terminated finishes its work within its grace period. If so, busy
    replicas may be stopped."""


class BudgetAction(StrEnum):
    """What happens once the day's budget is spent."""

    WARN = "Warn"
    CAP = "Cap"


class Budget(ApiModel):
    """How much the replicas of the pool may cost a day, by the prices of its AcceleratorClass."""

    dollars_per_day: Annotated[
        str,
        Field(min_length=1, max_length=20),
        Cel(
            "self.matches('^[0-9]{1,9}([.][0-9]{1,6})?$') && double(self) > 0.0",
            'must be a decimal above 0, written as a string, for example "50" or "2.50"',
        ),
    ]
    """US dollars a day, as a decimal string such as "50" or "2.50"."""
    action: BudgetAction = BudgetAction.WARN
    """What happens once they are spent. Warn: the condition WithinBudget says so. Cap: also, no replica is
    started until the next day, and idle replicas stop, below replicas.min too; a replica that works is never
    stopped for it."""
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "Etc/UTC"
    """Time zone in which the day begins at midnight: a name of the IANA database, for example
    Europe/Berlin."""


class PartnerPool(ApiModel):
    """A pool that comes up and goes to zero together with this one."""

    name: ObjectName
    """Name of the pool, in the same namespace."""


Partners = Annotated[tuple[PartnerPool, ...], Field(max_length=8), ListMap(("name",))]


class Fallback(ApiModel):
    """A further target for the pool's replicas, on another class of accelerators: the same model server for
    when the preferred class has no capacity in time."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("self.name != 'preferred'", "preferred is the name of the pool's own target: choose another"),
    )

    name: ObjectName
    """Name of the fallback, for example a100."""
    target_ref: TargetReference
    """The workload that is scaled. Its pods have the labels that the pool's Service selects, if there is
    one."""
    accelerator: Accelerator
    """The accelerator that a replica of this workload uses."""
    max: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Most replicas on this class; absent for replicas.max, which all classes share."""
    market: Market | None = None
    """How this capacity is bought, where that differs from what the AcceleratorClass says: it decides about
    the price, and capacity of another market counts as a class of its own."""


class AcceleratorPoolSpec(ApiModel):
    """The desired behaviour of one pool."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.replicas.min > 0 || self.scaleToZero.mode == 'Never' || self.demand.all(source, "
            "!has(source.redisList) || has(source.redisList.processingList) "
            "|| has(source.maxServiceSeconds))",
            "a pool that may go to zero must know when its workers are done: name the processingList of each "
            "redisList, with workers that take jobs with LMOVE or BLMOVE. Where that is not possible, set "
            "maxServiceSeconds (the longest that a job may take); jobs that a waiting worker takes at once "
            "(BRPOP) are not seen then",
        ),
        Cel(
            "self.scaleToZero.windows.all(window, window.replicas <= self.replicas.max)",
            "a window of scaleToZero must not ask for more replicas than replicas.max",
        ),
        Cel(
            "!has(self.replicas.step) "
            "|| self.scaleToZero.windows.all(window, window.replicas % self.replicas.step == 0)",
            "the replicas of a window of scaleToZero must be a multiple of replicas.step",
        ),
        Cel(
            "!has(self.replicas.step) || self.targetRef.kind != 'LeaderWorkerSet'",
            "leave out replicas.step for a LeaderWorkerSet: each of its replicas is a whole group already, "
            "as large as leaderWorkerTemplate.size says",
        ),
        Cel(
            "self.demand.filter(source, has(source.http)).size() <= 1",
            "at most one source of demand may be http: a pool holds requests to one port of one Service. "
            "Give another Service a pool of its own. A second port of the same Service can't be held",
        ),
        Cel(
            "!has(self.fallbacks) || self.fallbacks.all(each, each.targetRef.name != self.targetRef.name || "
            "each.targetRef.kind != self.targetRef.kind)",
            "a fallback must have another target than the pool: give it a workload of its own",
        ),
        Cel(
            "!has(self.fallbacks) || self.fallbacks.all(each, self.fallbacks.exists_one(other, "
            "each.targetRef.name == other.targetRef.name && each.targetRef.kind == other.targetRef.kind))",
            "two fallbacks must not have the same target: give each a workload of its own",
        ),
        Cel(
            "!has(self.fallbacks) || !has(self.replicas.step)",
            "fallbacks can't be combined with replicas.step: leave out one of them",
        ),
    )

    target_ref: TargetReference
    """The workload that is scaled."""
    accelerator: Accelerator
    """The accelerator that a replica uses."""
    fallbacks: Annotated[tuple[Fallback, ...], Field(max_length=4), ListMap(("name",))] | None = None
    """Further targets on other classes, in order of preference, for when the preferred class would not have a
    replica ready within the budget. Load returns when capacity does; while it moves, the pool may have one
    replica more than replicas.max for the time of a start."""
    replicas: ReplicaBounds
    """The fewest and the most replicas."""
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Requests that one replica works on at the same time."""
    expected_service_seconds: PositiveSeconds | None = None
    """How long a replica is expected to work on one request, in seconds, until requests have been completed.
    How many replicas the first requests get depends on it. If absent, the figure of the AcceleratorClass is
    used."""
    cold_start: ColdStart
    """The promise about waiting."""
    scale_to_zero: ScaleToZero = ScaleToZero()
    """When an idle pool scales to zero."""
    scale_down: ScaleDown = ScaleDown()
    """How replicas stop."""
    demand: Annotated[tuple[DemandSource, ...], Field(min_length=1, max_length=16), ListMap(("name",))]
    """Where requests wait. The demand of several sources is added up."""
    budget: Budget | None = None
    """How much the pool may cost a day; absent for no limit. How long requests may wait is the budget of
    coldStart."""
    with_: Annotated[Partners | None, Field(alias="with")] = None
    """Other pools of the same namespace that are only useful together with this one, such as those for
    prefill and for decode. All of them are up, or all are at zero: while one wants replicas, each of the
    others has one at least, and the last replicas stop once all are idle. One of two pools may name the
    other, or both may."""
    mode: PoolMode = PoolMode.ENFORCE
    """Enforce writes decisions to the target. Observe decides and records, and writes nothing to the
    target."""
