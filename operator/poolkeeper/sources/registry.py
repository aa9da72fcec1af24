"""Which member of the API's union is read by which kind of queue."""

from collections.abc import Callable
from typing import Any

from poolkeeper.api.demand import DemandSource
from poolkeeper.sources.base import SourceFailure
from poolkeeper.sources.queue import Queue
from poolkeeper.sources.redis.list import redis_list
from poolkeeper.sources.redis.stream import redis_stream

QUEUES: dict[str, Callable[[Any], Queue]] = {
    "redis_list": redis_list,
    "redis_stream": redis_stream,
}


def queue_of(source: DemandSource) -> Queue:
    """The queue that a source declares. Raises SourceFailure where this version does not know its kind."""
    for member, kind in QUEUES.items():
        declared = getattr(source, member)
        if declared is not None:
            return kind(declared)
    raise SourceFailure(
        "QueueUnknown",
        f"Source {source.name!r} names no kind of queue that this version knows; only {', '.join(QUEUES)}.",
    )


def sees_in_flight(source: DemandSource) -> bool:
    """Whether the source shows requests that a replica has taken; false for an unknown kind."""
    if source.http is not None:
        return True  # the model servers' metrics show them
    try:
        return queue_of(source).sees_in_flight
    except SourceFailure:
        return False
