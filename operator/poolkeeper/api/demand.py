"""Where requests wait: one model per kind of queue, joined in DemandSource."""

from typing import Annotated, ClassVar

from pydantic import Field

from poolkeeper.api.activation import FairBy, Port
from poolkeeper.api.base import ApiModel, Name, ObjectName, PositiveSeconds
from poolkeeper.api.markers import Cel

Series = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Cel("self.matches('^[a-zA-Z_:][a-zA-Z0-9_:]*$')", "must be the name of a metric, without labels"),
]

ServiceName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Cel(
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "must be the name of a Service in the pool's own namespace, not a host name: lower-case letters, "
        "digits and '-', a letter or digit at both ends",
    ),
]


class SecretKey(ApiModel):
    """One key of a Secret in the pool's own namespace."""

    name: ObjectName
    """Name of the Secret."""
    key: Annotated[
        str,
        Field(min_length=1, max_length=253),
        Cel(
            "self.matches('^[-._a-zA-Z0-9]+$')",
            "must be a key of a Secret: letters, digits, '-', '_' and '.'",
        ),
    ]
    """Key within the Secret."""


class RedisAuth(ApiModel):
    """Credentials for Redis, read again whenever the Secret changes."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!(has(self.username) && has(self.usernameSecret))",
            "username and usernameSecret exclude each other: set one of them",
        ),
    )

    username: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """ACL user name, in plain sight."""
    username_secret: SecretKey | None = None
    """ACL user name, from a Secret."""
    password_secret: SecretKey | None = None
    """Password, from a Secret."""


class RedisTls(ApiModel):
    """TLS to Redis; without a CA the system's trust store is used."""

    enabled: bool = True
    """Whether to speak TLS."""
    ca_secret: SecretKey | None = None
    """PEM certificates that sign the server's, from a Secret."""
    server_name: Name | None = None
    """Name that the server's certificate must carry; the host of the address if absent."""


class RedisConnection(ApiModel):
    """Where a Redis server listens and how to log in."""

    address: Annotated[
        str,
        Field(min_length=3, max_length=253),
        Cel(
            r"self.matches('^([a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?|\\[[0-9a-fA-F:.]+\\]):[0-9]{1,5}$')",
            "must be HOST:PORT, for example redis.serving.svc:6379, or [IPV6]:PORT",
        ),
        Cel(
            "!self.matches(':[0-9]{1,5}$') || (int(self.substring(self.lastIndexOf(':') + 1)) >= 1 "
            "&& int(self.substring(self.lastIndexOf(':') + 1)) <= 65535)",
            "the port must lie between 1 and 65535",
        ),
    ]
    """Where the server listens."""
    database: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Number of the database."""
    auth: RedisAuth | None = None
    """How to log in; absent where the server asks for nothing."""
    tls: RedisTls | None = None
    """How to encrypt; absent for plain TCP."""


class RedisList(RedisConnection):
    """Jobs in a Redis list; with a processing list (the LMOVE pattern) in-flight work is seen too."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.processingList) || self.processingList != self.list",
            "processingList must be another list than the one that jobs wait in",
        ),
    )

    list: Annotated[str, Field(min_length=1, max_length=253)]
    """Key of the list that jobs wait in."""
    processing_list: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Key of the list that a worker moves a job to while it works on it."""


class RedisStream(RedisConnection):
    """Jobs in a Redis stream: the group's lag waits, its pending entries are in flight."""

    stream: Annotated[str, Field(min_length=1, max_length=253)]
    """Key of the stream."""
    group: Annotated[str, Field(min_length=1, max_length=253)]
    """Consumer group that the workers belong to."""


class ModelMetrics(ApiModel):
    """Where the model servers publish their load; an engine is recognised by its series."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!(has(self.waitingSeries) || has(self.activitySeries)) || has(self.runningSeries)",
            "runningSeries is required where series of your own are named",
        ),
    )

    port: Port | None = None
    """Port of the pods; the one that the Service leads to if absent."""
    path: Annotated[
        str, Field(min_length=1, max_length=253), Cel("self.startsWith('/')", "must begin with /")
    ] = "/metrics"
    """Path of the metrics, in Prometheus' text format."""
    running_series: Series | None = None
    """Gauge of requests that are worked on, for a server of your own."""
    waiting_series: Series | None = None
    """Gauge of requests that wait inside the server."""
    activity_series: Series | None = None
    """Counter that rises with every request, so that one between two readings is not missed."""


class Http(ApiModel):
    """Requests to a Service: held while the pool is at zero, and out of our hands while it is warm."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("self.fairBy != 'Header' || has(self.fairHeader)", "fairHeader is required with fairBy Header"),
    )

    service: ServiceName
    """Name of the Service, with a selector and a cluster IP, in the pool's own namespace."""
    port: Port
    """Port of the Service: its number, also where it has a name."""
    metrics: ModelMetrics = ModelMetrics()
    """How the load is known while requests do not pass through us."""
    fair_by: FairBy = FairBy.API_KEY
    """What tells clients apart when they take turns: their API key, a header, or their address."""
    fair_header: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """With fairBy Header: the name of the header."""
    heartbeat_seconds: Annotated[int, Field(ge=0, le=300)] = 0
    """How often a held request that accepts text/event-stream gets a comment; 0 for never."""
    held_requests: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Most requests that one activator holds for this pool; the next are answered with 503."""


class DemandSource(ApiModel):
    """One place where requests wait; exactly one kind of queue is set."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "[has(self.redisList), has(self.redisStream), has(self.http)].exists_one(is_set, is_set)",
            "exactly one kind of queue must be set: redisList, redisStream or http",
        ),
    )

    name: Annotated[
        str,
        Field(min_length=1, max_length=63),
        Cel(
            "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
            "must consist of lower-case letters, digits and '-', with a letter or digit at both ends",
        ),
    ]
    """Name of the source within the pool, shown in conditions and metrics."""
    redis_list: RedisList | None = None
    """Jobs in a Redis list."""
    redis_stream: RedisStream | None = None
    """Jobs in a Redis stream."""
    http: Http | None = None
    """Requests to a Service."""
    poll_milliseconds: Annotated[int, Field(ge=100, le=60_000)] = 500
    """How often the queue is read."""
    stale_after_seconds: Annotated[int, Field(ge=1, le=3_600)] = 10
    """Age from which a reading is no longer believed: demand is then unknown and replicas hold."""
    max_service_seconds: PositiveSeconds | None = None
    """Longest that one job may take; required where work in flight can't be seen and the pool may reach 0."""
