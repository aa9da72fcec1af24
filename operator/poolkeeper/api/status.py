"""What the operator reports about a pool: written by one writer, whole, and only when something changed."""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from poolkeeper.api.base import ApiModel, Count, Text, Timestamp
from poolkeeper.api.markers import AnyObject, Cel, ListMap

DECISIONS_KEPT = 20


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One observed fact about the pool, in the form that KEP-1623 gives."""

    type: Annotated[str, Field(min_length=1, max_length=316)]
    """Name of the fact, for example DemandKnown."""
    status: ConditionStatus
    """Whether it holds."""
    reason: Annotated[
        str,
        Field(min_length=1, max_length=256),
        Cel("self.matches('^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$')", "must be one CamelCase word"),
    ]
    """Why, in one CamelCase word."""
    message: Text = ""
    """Why, in a sentence with what to do."""
    last_transition_time: Timestamp
    """When the status last changed."""
    observed_generation: Annotated[int, Field(ge=0)] = 0
    """Generation of the spec that this was found for."""


class ReplicaStatus(ApiModel):
    """The target's replicas as last seen."""

    desired: Count
    """What the target was told to have."""
    ready: Count
    """Replicas that take requests."""
    starting: Count = 0
    """Replicas that were asked for and are not ready yet."""
    terminating: Count = 0
    """Replicas that are going away and are still paid for."""


class DemandStatus(ApiModel):
    """The demand of all sources together, as of the last decision; a number that is not known is absent."""

    queued: Count | None = None
    """Requests that wait."""
    in_flight: Count | None = None
    """Requests that are being worked on."""


class ColdStartStatus(ApiModel):
    """How long starts of this pool take, from the scale write until ready."""

    p50_seconds: Count | None = None
    """Half of the starts took no longer; absent until one was seen."""
    p95_seconds: Count | None = None
    """Nineteen of twenty starts took no longer; absent until one was seen."""
    samples: Count = 0
    """Starts that were measured."""
    failed: Count = 0
    """Starts that ended before the replica was ready."""


class DecisionStatus(ApiModel):
    """A number of replicas and why it was chosen."""

    replicas: Count
    """What the target should have."""
    reason: Annotated[str, Field(min_length=1, max_length=64)]
    """Why, in one CamelCase word."""
    message: Text
    """Why, in a sentence with the numbers."""
    at: Timestamp
    """When it was decided."""
    review_at: Timestamp | None = None
    """When it is looked at again without any news."""


class DecisionRecord(DecisionStatus):
    """A past decision with what led to it; a number that was not known is absent."""

    queued: Count | None = None
    """Requests that waited."""
    in_flight: Count | None = None
    """Requests that were being worked on."""
    ready: Count | None = None
    """Replicas that took requests."""
    starting: Count | None = None
    """Replicas that were asked for and were not ready yet."""


class AcceleratorPoolStatus(ApiModel):
    """What the operator last saw, learned and decided."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status belongs to."""
    replicas: ReplicaStatus | None = None
    """The target's replicas."""
    demand: DemandStatus | None = None
    """What waits and what is being worked on."""
    cold_start: ColdStartStatus | None = None
    """How long starts take."""
    decision: DecisionStatus | None = None
    """The decision in force."""
    decisions: Annotated[tuple[DecisionRecord, ...], Field(max_length=DECISIONS_KEPT)] = ()
    """The last decisions that changed something, oldest first, for `poolkeeper explain`."""
    learned: Annotated[dict[str, Any], AnyObject()] | None = None
    """What a restarted operator goes on with: at most 4 KiB, of no documented form."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=16), ListMap(("type",))] = ()
    """Ready, DemandKnown, BudgetAttainable, WithinLimits, SoleWriter, PlacementMatches and, for http,
    ServiceSuitable: True means that all is well. ScaledToZero is a state and no judgement."""
