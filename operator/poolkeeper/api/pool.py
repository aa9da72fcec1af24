"""AcceleratorPool v1alpha1: what a user promises about waiting, and where the requests wait."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from poolkeeper.api.base import ApiModel, Name, PositiveSeconds, Seconds, Text


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
    """How the time that an idle pool stays up is chosen."""

    LEARNED = "Learned"
    FIXED = "Fixed"
    NEVER = "Never"


class PoolMode(StrEnum):
    """Whether decisions are written to the target or only recorded."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class TargetReference(ApiModel):
    """The workload that is scaled: anything in the pool's namespace with a /scale subresource."""

    api_version: Name = "apps/v1"
    kind: Name = "Deployment"
    name: Name


class Accelerator(ApiModel):
    """Which accelerator a replica uses; how many chips is read from the pod template."""

    class_: Name = Field(alias="class")


class ReplicaBounds(ApiModel):
    """The floor and the ceiling of the pool."""

    min: Annotated[int, Field(ge=0, le=10_000)] = 0
    max: Annotated[int, Field(ge=1, le=10_000)]


class ColdStart(ApiModel):
    """The promise: how long a request may wait, for what share of requests, and when to start."""

    budget_seconds: PositiveSeconds
    objective_percent: Annotated[int | str, Field(union_mode="left_to_right")] = 99
    start: StartMode = StartMode.AUTO
    when_unattainable: WhenUnattainable = WhenUnattainable.BEST_EFFORT
    expected_seconds: PositiveSeconds | None = None


class WarmWindow(ApiModel):
    """A recurring time in which at least `replicas` stay up, as two cron expressions in one time zone."""

    name: Name
    start: Annotated[str, Field(min_length=9, max_length=128)]
    end: Annotated[str, Field(min_length=9, max_length=128)]
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = "Etc/UTC"
    replicas: Annotated[int, Field(ge=1, le=10_000)] = 1


class ScaleToZero(ApiModel):
    """How the pool may go to zero once it is idle."""

    mode: ZeroMode = ZeroMode.LEARNED
    idle_seconds: Seconds | None = None
    windows: Annotated[tuple[WarmWindow, ...], Field(max_length=16)] = ()


class ScaleDown(ApiModel):
    """What is known about replicas that are told to stop."""

    drains_on_termination: bool = False


class SecretKey(ApiModel):
    """One key of a Secret in the pool's own namespace."""

    name: Name
    key: Name


class RedisAuth(ApiModel):
    """Credentials for Redis, read again whenever the Secret changes."""

    username: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    username_secret: SecretKey | None = None
    password_secret: SecretKey | None = None


class RedisTls(ApiModel):
    """TLS to Redis; without a CA the system's trust store is used."""

    enabled: bool = True
    ca_secret: SecretKey | None = None
    server_name: Name | None = None


class RedisConnection(ApiModel):
    """Where a Redis server listens and how to log in."""

    address: Annotated[str, Field(min_length=3, max_length=253)]
    database: Annotated[int, Field(ge=0, le=65_535)] = 0
    auth: RedisAuth | None = None
    tls: RedisTls | None = None


class RedisList(RedisConnection):
    """Jobs in a Redis list; with a processing list (the LMOVE pattern) in-flight work is seen too."""

    list: Annotated[str, Field(min_length=1, max_length=253)]
    processing_list: Annotated[str, Field(min_length=1, max_length=253)] | None = None


class RedisStream(RedisConnection):
    """Jobs in a Redis stream: the group's lag waits, its pending entries are in flight."""

    stream: Annotated[str, Field(min_length=1, max_length=253)]
    group: Annotated[str, Field(min_length=1, max_length=253)]


class DemandSource(ApiModel):
    """One place where requests wait; exactly one kind of queue is set."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    redis_list: RedisList | None = None
    redis_stream: RedisStream | None = None
    poll_milliseconds: Annotated[int, Field(ge=100, le=60_000)] = 500
    stale_after_seconds: Annotated[int, Field(ge=1, le=3_600)] = 10
    max_service_seconds: PositiveSeconds | None = None


class AcceleratorPoolSpec(ApiModel):
    """The desired behaviour of one pool."""

    target_ref: TargetReference
    accelerator: Accelerator
    replicas: ReplicaBounds
    concurrency: Annotated[int, Field(ge=1, le=100_000)] = 1
    cold_start: ColdStart
    scale_to_zero: ScaleToZero = ScaleToZero()
    scale_down: ScaleDown = ScaleDown()
    demand: Annotated[tuple[DemandSource, ...], Field(min_length=1, max_length=16)]
    mode: PoolMode = PoolMode.ENFORCE


class Condition(ApiModel):
    """One observed fact about the pool, in the form that KEP-1623 gives."""

    type: Annotated[str, Field(max_length=316)]
    status: Annotated[str, Field(max_length=16)]
    reason: Annotated[str, Field(min_length=1, max_length=256)]
    message: Text = ""
    last_transition_time: str
    observed_generation: int = 0
