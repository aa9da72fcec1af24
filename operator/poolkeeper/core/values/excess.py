"""Requests in flight that no replica of the pool can be working on: there are more than slots.

They lie where dead workers left them, or workers that the pool does not manage hold them. More replicas can't
take them, so they are no load and start nothing. Whether they are orphans is known once they have not moved
for `maxServiceSeconds`. Until then they count as in flight, so that no replica stops that may work on one.
"""

import math
from dataclasses import replace
from typing import NamedTuple

from poolkeeper.core.tuning import EXCESS_SECONDS
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Reading, Replicas
from poolkeeper.core.values.spec import PoolSpec


class Excess(NamedTuple):
    """The surplus of requests in flight, and the one that is not believed yet.

    A pod may be seen to end a moment before the poll that no longer shows its request. So a surplus is
    believed once it has lasted for EXCESS_SECONDS and a poll, and the smallest of that time counts.
    """

    requests: int = 0
    """Requests that are believed to be held by no replica, orphans included; never more than in flight."""
    fewest: int = 0
    """The smallest surplus of late; 0 where there is no more than what is believed."""
    believed_at: float = math.inf
    """When that larger surplus is believed if it lasts, in Unix seconds."""
    seen_at: float = -math.inf
    """The last look at which there was a surplus of `requests`."""

    def beside(self, orphaned: int) -> int:
        """The requests that are believed to be held by no replica and are not known to be orphans."""
        return max(self.requests - orphaned, 0)


NO_EXCESS = Excess()


def weigh(known: Excess, now: float, spec: PoolSpec, workload: Workload, replicas: Replicas | None) -> Excess:
    """Enter one look. What is believed stays for a while where so many are in flight: free slots do not bring
    a dead worker back. Example: 20 entries of dead workers and 1 replica are a surplus of 19 at first, and of
    20 once the replica works on a job. They still are after 9 more replicas have started.
    """
    if not spec.outlives_workers:
        return NO_EXCESS
    if replicas is None or not workload.is_known:
        # What is not seen now may be gone: only what is believed already stays.
        return Excess(known.requests, seen_at=known.seen_at) if known.fewest else known
    in_flight = workload.in_flight + workload.orphaned
    surplus = in_flight - _slots(spec, replicas)
    believed = min(known.requests, in_flight)
    if believed and surplus < believed and now - known.seen_at > _longest_seconds(spec):
        believed = max(surplus, 0)
    seen_at = now if surplus >= believed else known.seen_at
    if surplus <= believed:
        return Excess(believed, seen_at=seen_at) if believed else NO_EXCESS
    if not known.fewest:
        return Excess(believed, surplus, now + EXCESS_SECONDS + spec.poll_seconds, seen_at)
    fewest = min(known.fewest, surplus)
    if now >= known.believed_at:
        return Excess(max(fewest, believed), seen_at=now)
    return Excess(believed, fewest, known.believed_at, seen_at)


def _longest_seconds(spec: PoolSpec) -> float:
    """How long a surplus is believed without being seen: until then each request of it has moved, or is known
    not to move."""
    return max([source.unmoved_seconds for source in spec.sources])


def without(workload: Workload, excess: Excess) -> Workload:
    """The workload with the surplus taken out of its readings, from which the load is learned. A surplus that
    is not believed yet is no reason to start either, nor are requests that have not moved for long. A source
    that can't be read now may hold some of the surplus: no more is taken out than is in flight."""
    unmoved = sum([reading.unmoved.requests for reading in workload.readings])
    unworked = max(excess.requests, excess.fewest, unmoved) - workload.orphaned
    if unworked > workload.in_flight:
        unworked = workload.in_flight
    if unworked <= 0:
        return workload
    left, readings = unworked, []
    for reading in workload.readings:
        taken = min(left, reading.in_flight or 0)
        readings.append(_with_fewer(reading, taken))
        left -= taken
    return workload._replace(unworked=unworked, readings=tuple(readings))


def _with_fewer(reading: Reading, taken: int) -> Reading:
    return replace(reading, in_flight=reading.in_flight - taken) if reading.in_flight else reading


def _slots(spec: PoolSpec, replicas: Replicas) -> int:
    """The most requests that may be worked on. Each replica counts that exists, was asked for or is ending:
    it may work before it is seen to be ready, and until it is gone."""
    existing = max(replicas.desired, replicas.ready + len(replicas.starting))
    return (existing + replicas.terminating) * spec.concurrency
