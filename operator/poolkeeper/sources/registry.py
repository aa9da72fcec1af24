"""Which member of `DemandSource` is read by which kind of queue."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pydantic.alias_generators import to_camel

from poolkeeper.api.demand import DemandSource
from poolkeeper.core.values.spec import unmoved_seconds
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.queue import Queue
from poolkeeper.sources.redis.list import redis_list
from poolkeeper.sources.redis.stream import redis_stream


class Kind(NamedTuple):
    """A kind of queue, by functions of what a pool declares."""

    queue: Callable[[Any, float], Queue]
    """Also given: the seconds after which a request in flight that has not moved is looked for."""
    sees_in_flight: Callable[[Any], bool]
    """Whether the queue shows requests that a replica has taken."""
    counts_taken: bool
    """Whether the queue also shows that a request came and went between two reads."""


QUEUES = {
    "redis_list": Kind(redis_list, lambda declared: declared.processing_list is not None, counts_taken=False),
    "redis_stream": Kind(redis_stream, lambda _: True, counts_taken=True),
}


def queue_of(source: DemandSource) -> Queue:
    """The queue that a source declares. Raises SourceFailure where this version does not know its kind."""
    for member, kind in QUEUES.items():
        declared = getattr(source, member)
        if declared is not None:
            return kind.queue(declared, unmoved_seconds(source.max_service_seconds))
    known = " or ".join(map(to_camel, QUEUES))
    raise SourceFailure(
        "QueueUnknown",
        f"it names no kind of queue that this version knows: use {known}",
    )


def keeps_in_flight(source: DemandSource) -> bool:
    """Whether requests that a replica has taken are seen, and stay where they are when their worker dies."""
    return source.http is None and sees_in_flight(source)


def counts_taken(source: DemandSource) -> bool:
    """Whether the source shows that a request came and went between two reads; false for an unknown kind."""
    if source.http is not None:
        metrics = source.http.metrics  # the servers that are known count their requests
        return metrics.running_series is None or metrics.activity_series is not None
    return any(kind.counts_taken for member, kind in QUEUES.items() if getattr(source, member) is not None)


def sees_in_flight(source: DemandSource) -> bool:
    """Whether the source shows requests that a replica has taken; false for an unknown kind."""
    if source.http is not None:
        return True  # the model servers' metrics show them
    declared = ((kind, getattr(source, member)) for member, kind in QUEUES.items())
    return any(kind.sees_in_flight(each) for kind, each in declared if each is not None)
