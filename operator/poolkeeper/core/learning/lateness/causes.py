"""What makes requests late: what each of them would have been in time without.

Example: the budget is 60 s. The first request comes at second 0, the start is delayed until second 20 and
takes 30 s, so that the replica is ready at second 50. Requests that wait in line behind it would wait 20 s
less had it started at once, and 50 s less had it been up. So of those that wait longer than the budget,
- one that is late by up to 20 s (it waited 75 s) is late by the delay,
- one that is late by up to 50 s (it waited 100 s) is late by the start,
- one that is late by more is late by too few replicas; by the ceiling, where all allowed ones were ready.
The 20 s and 50 s shrink with the line: a request that waits 15 s in it can wait at most 15 s less.

If a gate holds the replica for an hour, all that come within that hour would have been in time without the
gate, but for those that a start of 50 s would have made late as well. So they are late by the gate.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from poolkeeper.core.learning.lateness.promise import ADMISSION_FIELDS, NOT_LATE, Late
from poolkeeper.core.tuning import ADMISSION_SECONDS
from poolkeeper.core.values.admission import CAUSES, AdmissionCause, cause_of
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import ArrivalBucket, Observation, Replicas, Stage
from poolkeeper.core.values.spec import PoolSpec


class Spell(NamedTuple):
    """The latest time for which something was the case, in Unix seconds."""

    began_at: float = math.inf
    """Infinity: it never was."""
    ended_at: float = -math.inf
    """Infinity: it still is."""

    def follow(self, now: float, *, holds: bool) -> "Spell":
        """The spell after a look that shows whether it is the case."""
        if holds == (self.ended_at == math.inf):
            return self
        return Spell(now, math.inf) if holds else Spell(self.began_at, now)

    def seconds_within(self, begin: float, end: float) -> float:
        """For how much of the time between two instants it was the case."""
        return max(0.0, min(end, self.ended_at) - max(begin, self.began_at))


NEVER = Spell()


class ColdStart(NamedTuple):
    """The start from no ready replica that the requests of the present line wait, or waited, behind.

    Instants are Unix seconds; until it has happened, infinity.
    """

    needed_at: float = math.inf
    """When the first request came that needed it; infinity again once all of its replicas are ready."""
    asked_at: float = math.inf
    """When its replicas were asked for."""
    delayed_seconds: float = 0.0
    """By how much sooner requests would be taken now if it had begun at once."""
    missed_seconds: float = 0.0
    """By how much sooner requests would be taken now if no start had been needed."""
    held_seconds: float = 0.0
    """By how much sooner requests would be taken now if its replicas had been admitted at once."""

    @property
    def was_asked(self) -> bool:
        """Whether its replicas were asked for, and not only needed."""
        return self.asked_at < math.inf or self.missed_seconds > 0.0

    def at(self, until: float, reaction_seconds: float, held: Spell) -> tuple[float, float, float]:
        """By how much sooner a request that is taken at `until` would have been taken without the delay,
        without the start, and without what `held` its replicas. What a start at once needs to be noticed is
        no delay."""
        if self.needed_at == math.inf:
            return self.delayed_seconds, self.missed_seconds, self.held_seconds
        delayed_until = self.asked_at if self.asked_at < until else until
        delayed_seconds = max(0.0, delayed_until - self.needed_at - reaction_seconds)
        return delayed_seconds, until - self.needed_at, held.seconds_within(self.needed_at, until)


NO_START = ColdStart()


class Obstacles(NamedTuple):
    """What may keep requests waiting. Until the first look, demand is unknown."""

    blind: Spell = Spell(-math.inf, math.inf)
    """The demand of a source was unknown, or writes were held back."""
    quota: Spell = NEVER
    """As many replicas as quota allows were ready."""
    ceiling: Spell = NEVER
    """As many replicas as the pool's own maximum were ready."""
    start: ColdStart = NO_START
    """The start that the requests wait behind."""
    held: Spell = NEVER
    """A replica that was asked for was not admitted."""
    held_by: tuple[Spell, ...] = (NEVER,) * len(CAUSES)
    """The same, by each of CAUSES."""


def late_among(
    waiting: Sequence[ArrivalBucket], requests: float, until: float, spec: PoolSpec, obstacles: Obstacles
) -> Late:
    """How many of the oldest `requests` that waited `until` an instant were late, by what made them late."""
    budget_seconds = spec.budget_seconds
    if not waiting or until - waiting[0].arrived_at <= budget_seconds:
        return NOT_LATE
    late = dict.fromkeys(Late._fields, 0)
    sooner = obstacles.start.at(until, spec.margin_seconds, obstacles.held)
    for arrived_at, arrived in waiting:
        if requests <= 0 or until - arrived_at <= budget_seconds:
            break
        cause = _cause(arrived_at, until, until - arrived_at - budget_seconds, obstacles, sooner)
        late[cause] += int(min(requests, arrived))
        requests -= arrived
    return Late(**late)


def _cause(
    arrived_at: float,
    until: float,
    late_seconds: float,
    obstacles: Obstacles,
    sooner: tuple[float, float, float],
) -> str:
    without_delay, without_start, without_hold = sooner
    if obstacles.blind.seconds_within(arrived_at, until) >= late_seconds:
        return "unknown"
    least_seconds = max(late_seconds, ADMISSION_SECONDS)
    if max(without_hold, obstacles.held.seconds_within(arrived_at, until)) >= least_seconds:
        return ADMISSION_FIELDS[_held_by(obstacles, until)]
    if obstacles.quota.seconds_within(arrived_at, until) >= least_seconds:
        return "quota"
    if late_seconds <= without_delay:
        return "delay"
    if late_seconds <= without_start:
        return "start"
    return "ceiling" if obstacles.ceiling.seconds_within(arrived_at, until) >= late_seconds else "replicas"


def _held_by(obstacles: Obstacles, until: float) -> AdmissionCause:
    """What has held the replica for longest of the last time that one was not admitted."""
    begun_at = obstacles.held.began_at
    seconds = [spell.seconds_within(begun_at, until) for spell in obstacles.held_by]
    longest = max(seconds)
    return CAUSES[seconds.index(longest)] if longest else AdmissionCause.OTHER


class Line(NamedTuple):
    """What the last look showed of the requests that wait in line."""

    least_wait: float
    """Seconds that the request waited that was taken last; infinity where none was taken."""
    was_ready: bool
    """Whether a replica was ready."""


def look(
    now: float,
    spec: PoolSpec,
    workload: Workload,
    observation: Observation,
    known: Obstacles,
    line: Line,
) -> Obstacles:
    """What may keep requests waiting from now on. While the target can't be read, its replicas stay as they
    were seen."""
    is_held = observation.held is not None and now < observation.held.until
    blind = known.blind.follow(now, holds=is_held or not workload.is_known)
    replicas = observation.replicas
    if replicas is None:
        return known if blind is known.blind else known._replace(blind=blind)
    quota = known.quota.follow(now, holds=_is_full(spec, replicas.ready, observation.ceiling))
    ceiling = known.ceiling.follow(now, holds=replicas.ready >= spec.max_replicas)
    held, held_by = known.held, known.held_by
    if replicas.starting or replicas.set_aside or held.ended_at == math.inf:
        held, held_by = _held(now, replicas, held, held_by)
    start = known.start
    if workload.queued or start is not NO_START:
        start = _follow(now, spec, workload, replicas, start, line, held)
    is_same = (blind is known.blind) and (quota is known.quota) and (ceiling is known.ceiling)
    if is_same and held is known.held and held_by is known.held_by and start is known.start:
        return known
    return Obstacles(blind, quota, ceiling, start, held, held_by)


def _is_full(spec: PoolSpec, ready: int, allowed: int | None) -> bool:
    """Whether as many replicas are ready as quota allows, fewer than the pool itself does."""
    return allowed is not None and allowed < spec.max_replicas and ready >= allowed


def _held(
    now: float, replicas: Replicas, known: Spell, known_by: tuple[Spell, ...]
) -> tuple[Spell, tuple[Spell, ...]]:
    """Since when a replica is not admitted, which is since the oldest scale write of one that isn't, and by
    what."""
    cause: AdmissionCause | None = None
    held = known
    for starting in (*replicas.starting, *replicas.set_aside):
        if starting.stage is Stage.UNADMITTED:
            cause = cause_of(starting.failure)
            if known != (starting.asked_at, math.inf):
                held = Spell(starting.asked_at, math.inf)
            break
    if cause is None:
        held = known.follow(now, holds=False)
    elif known.ended_at < math.inf:
        # Not before it was asked for, but also before the first look that shows it.
        now = held.began_at
    by = tuple(spell.follow(now, holds=each is cause) for each, spell in zip(CAUSES, known_by, strict=True))
    return held, known_by if by == known_by else by


def _follow(
    now: float,
    spec: PoolSpec,
    workload: Workload,
    replicas: Replicas,
    known: ColdStart,
    line: Line,
    held: Spell,
) -> ColdStart:
    """The start that the line waits behind, after a look. The line ends when a request is taken that did not
    wait, or when no work is left."""
    if not workload.queued and (not replicas.ready or workload.is_empty):
        return NO_START
    if not replicas.ready:
        return _running(now, workload, replicas, known, line)
    if known.needed_at < math.inf:
        if any(starting.asked_at <= known.asked_at for starting in replicas.starting):
            return known
        known = ColdStart(math.inf, math.inf, *known.at(now, spec.margin_seconds, held))
    least_wait = line.least_wait
    if least_wait >= known.missed_seconds:
        return known
    if least_wait <= spec.poll_seconds:
        return NO_START
    return known._replace(
        delayed_seconds=min(known.delayed_seconds, least_wait),
        missed_seconds=least_wait,
        held_seconds=min(known.held_seconds, least_wait),
    )


def _running(now: float, workload: Workload, replicas: Replicas, known: ColdStart, line: Line) -> ColdStart:
    """A start that is needed or runs. If a replica was ready until now, it is needed from now on."""
    if known.needed_at == math.inf:
        known = ColdStart(now if line.was_ready else min(now, workload.waiting[0].arrived_at))
    if known.asked_at == math.inf and replicas.desired:
        return known._replace(asked_at=min([each.asked_at for each in replicas.starting], default=now))
    return known
