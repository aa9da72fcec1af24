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
    """Credentials for Redis. A changed Secret is read again."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!(has(self.username) && has(self.usernameSecret))",
            "username and usernameSecret can't both be set",
        ),
    )

    username: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """ACL user name, as plain text."""
    username_secret: SecretKey | None = None
    """ACL user name, from a Secret."""
    password_secret: SecretKey | None = None
    """Password, from a Secret."""


class RedisTls(ApiModel):
    """TLS to Redis. Without a CA, the system's trust store is used."""

    enabled: bool = True
    """Whether to use TLS."""
    ca_secret: SecretKey | None = None
    """CA certificates (PEM) that the server's certificate is checked with, from a Secret."""
    server_name: Name | None = None
    """Name that the server's certificate must have. If absent, the host of the address."""


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
    """Host and port of the server."""
    database: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Number of the database."""
    auth: RedisAuth | None = None
    """How to log in; absent if the server requires no login."""
    tls: RedisTls | None = None
    """How to encrypt the connection; absent for plain TCP."""


class RedisList(RedisConnection):
    """Jobs in a Redis list. With a processing list (the LMOVE pattern), work in flight is seen too."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!has(self.processingList) || self.processingList != self.list",
            "processingList must differ from list, in which jobs wait",
        ),
    )

    list: Annotated[str, Field(min_length=1, max_length=253)]
    """Key of the list that jobs wait in."""
    processing_list: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Key of the list that a worker moves a job to while it works on it. Without it, a job that a waiting
    worker takes at once (BRPOP) is never seen."""


class RedisStream(RedisConnection):
    """Jobs in a Redis stream. The lag of the consumer group is queued, its pending entries are in flight."""

    stream: Annotated[str, Field(min_length=1, max_length=253)]
    """Key of the stream."""
    group: Annotated[str, Field(min_length=1, max_length=253)]
    """Consumer group that the workers belong to."""


class ModelMetrics(ApiModel):
    """Where the model servers publish their load. Known servers are recognised by the names of their
    metrics."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "!(has(self.waitingSeries) || has(self.activitySeries)) || has(self.runningSeries)",
            "runningSeries is required when waitingSeries or activitySeries is set",
        ),
    )

    port: Port | None = None
    """Port of the pods. If absent, the port that the Service forwards to."""
    path: Annotated[
        str, Field(min_length=1, max_length=253), Cel("self.startsWith('/')", "must begin with /")
    ] = "/metrics"
    """Path of the metrics in Prometheus text format."""
    running_series: Series | None = None
    """Name of the gauge of requests in flight, for a server that is not recognised."""
    waiting_series: Series | None = None
    """Name of the gauge of requests that wait inside the server."""
    activity_series: Series | None = None
    """Name of a counter that rises with every request, so that a request between two readings is not
    missed."""


class Http(ApiModel):
    """Requests to a Service. The activators hold them while the pool is at zero. While replicas are ready,
    the Service sends requests to the pods directly."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel("self.fairBy != 'Header' || has(self.fairHeader)", "fairHeader is required with fairBy Header"),
    )

    service: ServiceName
    """Name of the Service, with a selector and a cluster IP, in the pool's own namespace."""
    port: Port
    """Number of the Service's port, also if the port has a name."""
    metrics: ModelMetrics = ModelMetrics()
    """How the load is measured while the pods receive requests directly."""
    fair_by: FairBy = FairBy.API_KEY
    """How clients are distinguished when held requests take turns: by API key, by a header or by address."""
    fair_header: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """With fairBy Header: name of the header."""
    heartbeat_seconds: Annotated[int, Field(ge=0, le=300)] = 0
    """How often, in seconds, a held request that accepts text/event-stream gets a comment, so that proxies
    keep its connection open. 0 means never."""
    held_requests: Annotated[int, Field(ge=1, le=100_000)] = 10_000
    """Most requests that one activator holds for this pool. Further requests are answered with 503."""


class DemandSource(ApiModel):
    """One place where requests wait. Exactly one kind of queue is set."""

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
    """How often the queue is read, in milliseconds."""
    stale_after_seconds: Annotated[int, Field(ge=1, le=3_600)] = 10
    """Age of a reading, in seconds, from which demand counts as unknown and the replicas stay as they are."""
    max_service_seconds: PositiveSeconds | None = None
    """Longest time that one job may take, in seconds. Required if work in flight can't be seen (a redisList
    without processingList) and the pool may scale to zero. A job that is in flight for longer counts as
    orphaned: its worker is gone, and no replica stays up for it."""
