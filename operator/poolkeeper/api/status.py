"""What the operator reports about a pool. One writer replaces the status whole, when something has
changed."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from poolkeeper.api.base import ApiModel, Count, Text, Timestamp
from poolkeeper.api.markers import Cel, ListMap, TextOnceObject
from poolkeeper.api.past_decision import LINE_LENGTH, PastDecision

DECISIONS_KEPT = 20
LEARNED_LENGTH = 4096
ACCOUNT_LENGTH = 6144


class AdmissionCause(StrEnum):
    """Who or what holds a replica that is not admitted: that has no pod, or whose pod has no node."""

    GATE = "Gate"
    """A scheduling gate of its pod, such as Kueue's."""
    QUOTA = "QuotaRefused"
    """A ResourceQuota, because of which the API server refuses the pod."""
    NO_NODE = "NoNode"
    """No node fits, and none is seen to come."""
    PROVISIONING = "NodeProvisioning"
    """A node is being made for it: by the cluster autoscaler, Karpenter or a ProvisioningRequest."""
    OTHER = "Other"
    """Something else: a policy that refuses the pod, a pod that still has its name, or not known."""


class ConditionStatus(StrEnum):
    """Whether the statement of a condition is true."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One statement about the pool, in the form of metav1.Condition."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """Name of the condition, for example DemandKnown."""
    status: ConditionStatus
    """Whether the statement is true."""
    reason: Annotated[
        str,
        Field(min_length=1, max_length=256),
        Cel("self.matches('^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$')", "must be one CamelCase word"),
    ]
    """Why, in one CamelCase word."""
    message: Text = ""
    """Why, in a sentence that ends with what to do, if anything."""
    last_transition_time: Timestamp
    """When the status last changed."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec; absent, since status.observedGeneration holds for all conditions."""


class ReplicaStatus(ApiModel):
    """Replicas of the target, as last seen."""

    desired: Count
    """Replicas that the target should have: its spec.replicas."""
    ready: Count
    """Replicas that take requests."""
    starting: Count | None = None
    """Replicas that were asked for and are not ready yet; absent if there are none."""
    terminating: Count | None = None
    """Replicas that are stopping and still use their accelerators; absent if there are none."""


class ArmStatus(ApiModel):
    """The replicas of one target of a pool with fallbacks, as last seen."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the fallback; `preferred` for the target that the pool itself names."""
    class_: Annotated[Text, Field(alias="class")]
    """Its AcceleratorClass, with the market where the fallback declares one."""
    desired: Count
    """Replicas that the target should have: its spec.replicas."""
    ready: Count
    """Replicas that take requests."""
    starting: Count | None = None
    """Replicas that were asked for and are not ready yet; absent if there are none."""
    message: Text | None = None
    """What keeps replicas of this class from being started or admitted; absent if nothing does."""


class DemandStatus(ApiModel):
    """The demand of all sources together, at the last decision. A number that is not known is absent."""

    queued: Count | None = None
    """Requests that wait."""
    in_flight: Count | None = None
    """Requests that replicas are working on."""
    orphaned: Count | None = None
    """Requests that have been in flight without a move for longer than maxServiceSeconds, so that their
    worker is gone; they keep no replica up. Absent if there are none."""


class AdmissionStatus(ApiModel):
    """How long one cause has kept replicas from being admitted, over the last waits that are remembered. One
    that ended when the replica was taken back counts as that long."""

    cause: AdmissionCause
    """What held them: Gate, QuotaRefused, NoNode, NodeProvisioning, or Other."""
    p50_seconds: Count
    """Median of these waits, in seconds."""
    p95_seconds: Count
    """95th percentile of these waits, in seconds."""
    waits: Count
    """Number of these waits."""


class ColdStartStatus(ApiModel):
    """How long starts of this pool take and where their time goes, from the last 40 that were measured. A
    start runs from the write of the replicas until the replica is ready; p50 is the median, and 95 % of
    starts take no longer than p95. All are absent until a start was measured."""

    p50_seconds: Count | None = None
    """Median of the whole start, in seconds."""
    p95_seconds: Count | None = None
    """95th percentile of the whole start, in seconds."""
    scheduling_p50_seconds: Count | None = None
    """Median of the first part, until the replica has a node: waiting for a node or for quota."""
    scheduling_p95_seconds: Count | None = None
    """95th percentile of the first part, in seconds."""
    containers_p50_seconds: Count | None = None
    """Median of the second part, until all containers run: pulling images, init containers."""
    containers_p95_seconds: Count | None = None
    """95th percentile of the second part, in seconds."""
    loading_p50_seconds: Count | None = None
    """Median of the last part, until the replica is ready: loading the model."""
    loading_p95_seconds: Count | None = None
    """95th percentile of the last part, in seconds."""
    samples: Count = 0
    """Number of starts that were measured."""
    failed: Count | None = None
    """Number of starts that ended before the replica was ready; absent if there are none."""
    admission: Annotated[tuple[AdmissionStatus, ...], Field(max_length=8), ListMap(("cause",))] | None = None
    """How long replicas waited for a gate, a quota or a node; absent if none had to. These waits are no part
    of the times above."""


class PromiseStatus(ApiModel):
    """How many requests were taken within the budget, as far as the sources show it. Each window is one line:
    the share in time, rounded down, of how many requests; then the late ones, by what made them late (delay,
    start, replicas, ceiling, quota, unknown, or admission with what held the replicas), and how many of them
    still wait. A window without requests is absent."""

    objective: Text
    """The share that is promised, and within how many seconds."""
    last_hour: Text | None = None
    """The last 50 to 60 minutes."""
    last_day: Text | None = None
    """The last 22 to 24 hours."""
    last_30_days: Text | None = None
    """The last 27 to 30 days."""
    until: Timestamp
    """When these windows end: when a request was last taken or became late."""


class CostStatus(ApiModel):
    """What the replicas of the pool were paid for: seconds that they held their chips, at the prices and the
    design power of the AcceleratorClass. Each span is one line with the dollars, the accelerator-hours by
    state and the energy; what is not known is said, and never counted as nothing. `poolkeeper report` shows
    more."""

    today: Text
    """Since midnight, in the time zone of spec.budget, else UTC; until when this was counted, and what it
    costs per hour from then on while nothing changes."""
    last_30_days: Annotated[Text | None, Field(alias="last30Days")] = None
    """The last 27 to 30 days."""
    # Of any type: a value that another client wrote must not keep the status from being replaced.
    account: Annotated[object, TextOnceObject(ACCOUNT_LENGTH)] | None = None
    """The account as the operator goes on with it after a restart. Packed; only the operator reads it."""


class DecisionStatus(ApiModel):
    """The decision in force: a number of replicas and why it was chosen."""

    replicas: Count
    """Replicas that the target should have."""
    reason: Annotated[str, Field(min_length=1, max_length=64)]
    """Why, in one CamelCase word, for example StartAtOnce."""
    message: Text
    """Why, in a sentence with the numbers."""
    review_at: Timestamp | None = None
    """When the operator decides again even if nothing happens until then."""


class AcceleratorPoolStatus(ApiModel):
    """What the operator last saw, learned and decided."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status and its conditions belong to."""
    replicas: ReplicaStatus | None = None
    """Replicas of the target, as last seen."""
    arms: Annotated[tuple[ArmStatus, ...], Field(max_length=5), ListMap(("name",))] | None = None
    """The replicas by class, the preferred one first; absent without fallbacks."""
    demand: DemandStatus | None = None
    """Requests that wait or are being worked on."""
    cold_start: ColdStartStatus | None = None
    """How long starts take, and where their time goes."""
    promise: PromiseStatus | None = None
    """How many requests were taken within the budget; absent until one was taken or late."""
    cost: CostStatus | None = None
    """What the replicas were paid for; absent until one was seen."""
    decision: DecisionStatus | None = None
    """The decision in force."""
    decisions: Annotated[
        tuple[Annotated[PastDecision, TextOnceObject(LINE_LENGTH)], ...], Field(max_length=DECISIONS_KEPT)
    ] = ()
    """The last decisions that differed from the one before, oldest first, one line each: the time, the
    replicas before and after, the reason, what was seen, and the message. `poolkeeper explain` shows them as
    a table."""
    # Of any type, as in the schema: a value that another client wrote must not keep the status from being
    # replaced.
    learned: Annotated[object, TextOnceObject(LEARNED_LENGTH)] | None = None
    """What the operator has learned, kept for its next restart: start times, idle gaps, service times
    and the share of late requests. Packed; only the operator reads it."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), ListMap(("type",))] = ()
    """Statements about the pool: Ready, DemandKnown, BudgetAttainable, WithinLimits, SoleWriter,
    StartsSucceed, ReadinessProbed, PlacementMatches; NoOrphans where a queue shows requests in flight; with
    an http source, ServiceSuitable; with a budget for a day, WithinBudget; with a replicas.step,
    ReplicasWhole; with partners, PartnersFound. True means that all is well.
    ScaledToZero is a state, neither good nor bad."""
