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


class Seen(NamedTuple):
    """What one look shows about the replicas that are not known to work."""

    working: int
    """How many of them must be working by now."""
    taken: int
    """Requests that were taken since the last look."""
    waited: bool
    """Whether requests had waited for them, so that they took the first one as soon as they could."""


def begin(now: float, spec: PoolSpec, workload: Workload, takers: int) -> Takes:
    """The first look at replicas that may work unseen: requests in flight are none of theirs yet."""
    left_over = max(0, workload.in_flight - takers * spec.concurrency)
    return Takes(workload.readings, takers, left_over, now if workload.queued else None)


def look(now: float, spec: PoolSpec, workload: Workload, takers: int, known: Takes) -> tuple[Takes, Seen]:
    """What has been taken since the last look, and by how many replicas beside the `takers`.

    A taker of the last look that is gone may have taken something in between, so the larger number counts.
    Each further replica must have taken a request since then: one in flight that was there before, and whose
    replica is gone, shows nothing. Example: 1 slot each, 1 replica known to work, 3 requests in flight of
    which 1 is left over and 1 was taken now: 1 more replica works.
    """
    taken, waited = 0, False
    for reading in workload.readings:
        before = of_source(known.readings, reading.source)
        if before is None or reading.observed_at <= before.observed_at:
            continue
        more = history.taken_between(before, reading)
        taken += more
        waited = waited or (more > 0 and _has_waited(before, reading, spec.poll_seconds))
    most_takers = max(takers, known.takers)
    needed = math.ceil(max(0, workload.in_flight - known.left_over) / spec.concurrency)
    working = min(max(0, needed - most_takers), taken)
    if taken and not most_takers:
        working = max(working, 1)
    left_over = max(0, workload.in_flight - (takers + working) * spec.concurrency)
    untaken_since = None if taken else known.untaken_since
    if workload.queued and untaken_since is None:
        untaken_since = now
    return Takes(
        readings=history.merged(known.readings, workload.readings),
        takers=takers + working,
        left_over=left_over,
        untaken_since=untaken_since if workload.queued else None,
    ), Seen(working, taken, waited)


def _has_waited(before: Reading, after: Reading, poll_seconds: float) -> bool:
    """Whether the oldest request had waited for longer than a replica that could take it leaves it."""
    return bool(before.waiting) and after.observed_at - before.waiting[0].arrived_at > 2.0 * poll_seconds
