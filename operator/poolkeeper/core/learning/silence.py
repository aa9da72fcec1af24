"""Which sources' silence is not believed, because they show requests only while no replica runs.

A list in Redis hands a job directly to a worker that waits in BRPOP, so its length is always 0 while the pool
is up, however many jobs come. At zero no worker waits, and each job shows. So a stop is a test: requests that
come as often as before would wait about as long as the silence before the stop. Example: the list was silent
for 20 s, the pool stopped, and a job came 1 s later. If jobs came evenly, that would happen once in
(20 + 1) / 1 = 21 such stops; twice in a row is no chance.

A source that sees work in flight by polls alone, such as a list with a processing list, misses jobs that are
done between two polls. It is tested likewise, unless polls see its jobs to last (`Lasting`): then none is
missed, and a request that comes soon after a stop is chance.

Replicas then stay, and the next test is made after a pause that grows. Where Redis shows how long its waiting
workers have waited (`Reading.quiet_seconds`), that is believed at any time.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple
from zlib import crc32

from poolkeeper.core.learning.lasting import Lasting
from poolkeeper.core.tuning import BLIND_SECONDS, BLIND_STOPS, RETEST_SECONDS, SOON_SHARE
from poolkeeper.core.values.demand import Workload
from poolkeeper.core.values.observation import Reading, Replicas, of_source
from poolkeeper.core.values.spec import PoolSpec, SourceSpec


class Doubt(NamedTuple):
    """What speaks against the silence of one source."""

    source: str
    stops: int
    """Stops in a row after which a request came soon, up to BLIND_STOPS."""
    seconds: float = 0.0
    """How long the silence is not believed after the last of them; 0 while it is believed."""
    until: float = 0.0
    """Until when it is not believed, in Unix seconds."""


class Stop(NamedTuple):
    """The last stop, while no request has come since."""

    silent_seconds: float
    """How long the pool had been idle, as far as was seen."""
    at: float
    """When the stop was seen, in Unix seconds."""
    gone_at: float | None = None
    """When the last replica was gone: until then one may have taken requests. None while one is left."""


class Silence(NamedTuple):
    """What the stops of a pool have shown about the silence of its sources."""

    doubts: tuple[Doubt, ...] = ()
    """One for each source whose silence was followed by a request too soon."""
    stop: Stop | None = None
    """Not saved: a stop whose first request no operator sees is forgotten."""
    lasting: tuple[Lasting, ...] = ()
    """How long requests of the sources last that miss short ones. Not saved: the next requests show it."""


BELIEVED: Mapping[str, float] = {}
MOST_NUMBERS = 3 * 16
"""Of as many sources as a pool may have."""


def disbelieved(
    now: float, spec: PoolSpec, silence: Silence, replicas: Replicas | None
) -> Mapping[str, float]:
    """The sources whose silence is not believed now, and until when. At zero all silence is believed: no
    replica can take a request away."""
    if not silence.doubts or replicas is None or not replicas.desired:
        return BELIEVED
    blind = [doubt for doubt in silence.doubts if now < doubt.until]
    return {
        doubt.source: doubt.until
        for doubt in blind
        for source in spec.sources
        if source.name == doubt.source and not _sees_all(source, silence)
    }


def see(silence: Silence, source: str, in_flight_seconds: float, completed: int) -> Silence:
    """Note for how long requests of a source were in flight between two readings, and how many were
    completed."""
    others = tuple(each for each in silence.lasting if each.source != source)
    lasting = _lasting(silence, source).enter(in_flight_seconds, completed)
    return silence._replace(lasting=(*others, lasting))


def watch(
    now: float,
    spec: PoolSpec,
    silence: Silence,
    workload: Workload,
    replicas: Replicas,
    before: tuple[Reading, ...],
) -> Silence:
    """Note when the last replica is gone, and what the first request after a stop says.

    `before`: the readings of the look before this one.
    """
    stop = silence.stop
    if stop is None:
        return silence
    if replicas.desired:
        return silence._replace(stop=None)
    first = _first_arrival(before, workload)
    is_gone = not (replicas.ready or replicas.starting or replicas.terminating)
    if first is None:
        if is_gone and stop.gone_at is None:
            return silence._replace(stop=stop._replace(gone_at=now))
        return silence
    gone_at = stop.gone_at
    if gone_at is None:
        # No look was made between the end of the last replica and the request: it may have ended long ago.
        gone_at = stop.at if is_gone else now
    at_zero_seconds = max(0.0, min(first.arrived_at, now) - gone_at)
    doubts = silence.doubts
    source = next((each for each in spec.sources if each.name == first.source), None)
    soon_seconds = SOON_SHARE * stop.silent_seconds
    if source is not None and _may_miss(source, silence, soon_seconds):
        doubts = _judge(now, doubts, source.name, is_soon=at_zero_seconds <= soon_seconds)
    return silence._replace(doubts=doubts, stop=None)


def stopped(now: float, silence: Silence, idle_since: float | None) -> Silence:
    """The replicas have gone down to zero, where the pool had been idle since `idle_since`.

    While a silence was not believed, a stop says nothing: it was made by hand, or Redis showed that nothing
    came.
    """
    if idle_since is None or any(now < doubt.until for doubt in silence.doubts):
        return silence._replace(stop=None)
    return silence._replace(stop=Stop(now - idle_since, now))


def _may_miss(source: SourceSpec, silence: Silence, soon_seconds: float) -> bool:
    """Whether requests of a source are known to come and go unseen, so that one that comes so soon after a
    stop shows something.

    Where some are seen in flight, a silence of a few polls is chance, and polls do not show how soon after it
    a request came. Example: after 1.7 s of silence soon is within 0.34 s, and polls are 0.5 s apart.
    """
    if not source.sees_in_flight:
        return True
    if source.counts_taken or soon_seconds < source.poll_seconds:
        return False
    return _lasting(silence, source.name).is_short(source.poll_seconds)


def _sees_all(source: SourceSpec, silence: Silence) -> bool:
    """Whether a source is known to see every request. After a restart of the operator it is not known how
    long requests last, and a saved doubt stands."""
    if not source.sees_in_flight:
        return False
    return source.counts_taken or _lasting(silence, source.name).is_long(source.poll_seconds)


def _lasting(silence: Silence, source: str) -> Lasting:
    return next((each for each in silence.lasting if each.source == source), Lasting(source))


class _Arrival(NamedTuple):
    arrived_at: float
    source: str


def _first_arrival(before: tuple[Reading, ...], workload: Workload) -> _Arrival | None:
    """The oldest request that waits now and did not at the look before."""
    arrivals = []
    for reading in workload.readings:
        known = of_source(before, reading.source)
        if known is not None and reading.arrived > known.arrived:
            arrived_at = reading.waiting[0].arrived_at if reading.waiting else known.observed_at
            arrivals.append(_Arrival(arrived_at, reading.source))
    return min(arrivals, default=None)


def _judge(now: float, doubts: tuple[Doubt, ...], source: str, *, is_soon: bool) -> tuple[Doubt, ...]:
    """A request that came soon speaks against the silence, one that took long speaks for it."""
    others = tuple(doubt for doubt in doubts if doubt.source != source)
    if not is_soon:
        return others
    doubt = next((each for each in doubts if each.source == source), Doubt(source, 0))
    stops = min(doubt.stops + 1, BLIND_STOPS)
    if stops < BLIND_STOPS:
        return (*others, Doubt(source, stops))
    seconds = min(2.0 * doubt.seconds, RETEST_SECONDS) if doubt.seconds else BLIND_SECONDS
    return (*others, Doubt(source, stops, seconds, now + seconds))


def to_numbers(silence: Silence) -> list[int]:
    """The doubts as saved, briefly: a source's checksum, how long it is not believed, and until when."""
    rows = ((_checksum(each.source), _level(each), math.ceil(each.until / 60)) for each in silence.doubts)
    return list(chain(*rows))


def from_numbers(numbers: Sequence[int], now: float, spec: PoolSpec) -> Silence:
    """The doubts about sources that the pool still declares. Raises ValueError for anything that was not
    saved."""
    rows = {row[0]: row[1:] for row in zip(*[iter(numbers)] * 3, strict=True)}
    doubts = []
    for source in spec.sources:
        level, minutes = rows.get(_checksum(source.name), (0, 0))
        if level == 1:
            doubts.append(Doubt(source.name, 1))
        elif 1 < level <= _level(Doubt("", BLIND_STOPS, RETEST_SECONDS)):
            seconds = min(BLIND_SECONDS * 2.0 ** (level - 2), RETEST_SECONDS)
            doubts.append(Doubt(source.name, BLIND_STOPS, seconds, min(60.0 * minutes, now + seconds)))
    return Silence(tuple(doubts))


def _checksum(source: str) -> int:
    return crc32(source.encode()) & 0xFFFF


def _level(doubt: Doubt) -> int:
    """1 for a source that is still believed, 2 for BLIND_SECONDS, 3 for twice as long, and so on."""
    return 2 + math.ceil(math.log2(doubt.seconds / BLIND_SECONDS)) if doubt.seconds else 1
