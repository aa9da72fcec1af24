"""How many replicas must be working, by what is seen of the requests.

A replica whose readiness probe passes late takes requests before Kubernetes shows it. One without such a
probe takes them once its model is loaded, which nothing shows. What it has taken does: requests that are in
flight beyond those of the replicas known to work, or a request that was taken while none was known to.
"""

import math
from typing import NamedTuple

from poolkeeper.core.learning import history
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Reading, of_source
from poolkeeper.core.values.spec import PoolSpec

REPEATED_SECONDS = 5.0
"""Requests that leave a queue twice within this time, unseen in flight, were taken by a replica."""


class Takes(NamedTuple):
    """What was seen at the last look."""

    readings: tuple[Reading, ...]
    """The readings of that look."""
    takers: int
    """Replicas that were known to work then, or to end their work."""
    left_over: int
    """Requests in flight beyond the slots of those: of replicas that are gone."""
    untaken_since: float | None
    """Since when requests have waited and none was taken; None while that is not so."""
    gone_at: float | None = None
    """When requests left a queue, unseen in flight, while no replica was known to work; None for never.
    A replica may have taken and done them, or a person has deleted them."""


class Seen(NamedTuple):
    """What one look shows about the replicas that are not known to work."""

    working: int
    """How many of them must be working by now."""
    taken: int
    """Requests that were taken since the last look, as far as they could not have been deleted."""
    began_at: float | None
    """When they took the first one, if it had waited for them; None if it may have been taken late."""


class _Moved(NamedTuple):
    """What left the queues between two looks."""

    requests: int
    """Requests that were taken or deleted."""
    taken: int
    """Those of them that are seen in flight, or whose source can't show that."""
    came_back: int
    """Orphans that are in flight again; less than 0 where requests in flight became orphans."""
    waited: bool
    """Whether the oldest of them had waited for longer than a replica that could take it leaves it."""


def begin(now: float, spec: PoolSpec, workload: Workload, takers: int) -> Takes:
    """The first look at replicas that may work unseen: requests in flight are none of theirs yet."""
    left_over = max(0, workload.in_flight - takers * spec.concurrency)
    return Takes(workload.readings, takers, left_over, now if workload.queued else None)


def look(now: float, spec: PoolSpec, workload: Workload, takers: int, known: Takes) -> tuple[Takes, Seen]:
    """What has been taken since the last look, and by how many replicas beside the `takers`.

    A taker of the last look that is gone may have taken something in between, so the larger number counts.
    Each further replica must have taken a request since then: one in flight that was there before, and whose
    replica is gone, shows nothing, nor does one that becomes an orphan or is none any more. Example: 1 slot
    each, 1 replica known to work, 3 requests in flight of which 1 is left over and 1 was taken now: 1 more
    replica works.
    """
    moved = _moved(known.readings, workload.readings, spec.poll_seconds)
    most_takers = max(takers, known.takers)
    left_over = max(0, known.left_over + moved.came_back)
    needed = math.ceil(max(0, workload.in_flight - left_over) / spec.concurrency)
    working = min(max(0, needed - most_takers), moved.requests)
    began_at, gone_at = (now if moved.waited else None), known.gone_at
    if moved.requests and not (most_takers or working):
        if moved.taken:
            working = 1
        elif gone_at is None:
            gone_at = now
        else:
            working, began_at = 1, gone_at if now - gone_at <= REPEATED_SECONDS else None
    untaken_since = None if moved.requests else known.untaken_since
    if workload.queued and untaken_since is None:
        untaken_since = now
    return Takes(
        readings=history.merged(known.readings, workload.readings),
        takers=takers + working,
        left_over=max(0, workload.in_flight - (takers + working) * spec.concurrency),
        untaken_since=untaken_since if workload.queued else None,
        gone_at=None if working else gone_at,
    ), Seen(working, moved.taken, began_at if working else None)


def _moved(known: tuple[Reading, ...], readings: tuple[Reading, ...], poll_seconds: float) -> _Moved:
    requests = taken = came_back = 0
    waited = False
    for reading in readings:
        before = of_source(known, reading.source)
        if before is None or reading.observed_at <= before.observed_at:
            continue
        more = history.taken_between(before, reading)
        requests += more
        is_blind = reading.in_flight is None or before.in_flight is None
        more_in_flight = _in_flight(reading) - _in_flight(before)
        taken += more if is_blind else min(more, max(0, more_in_flight))
        came_back += _came_back(before, reading)
        waited = waited or (more > 0 and _has_waited(before, reading, poll_seconds))
    return _Moved(requests, taken, came_back, waited)


def _in_flight(reading: Reading) -> int:
    return (reading.in_flight or 0) + reading.orphaned


def _came_back(before: Reading, after: Reading) -> int:
    """An orphan that is gone may have been done instead, as far as anything was."""
    fewer = before.orphaned - after.orphaned
    return max(0, fewer - max(0, after.completed - before.completed)) if fewer > 0 else fewer


def _has_waited(before: Reading, after: Reading, poll_seconds: float) -> bool:
    return bool(before.waiting) and after.observed_at - before.waiting[0].arrived_at > 2.0 * poll_seconds
