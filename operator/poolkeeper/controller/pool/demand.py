"""One pool's demand, kept from what its sources publish."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.pool.translate import source_spec
from poolkeeper.core.values.ledger import Ledger, Sample, record
from poolkeeper.core.values.observation import Demand, Reading, Unavailable
from poolkeeper.core.values.spec import SourceSpec

_content = attrgetter(*(field.name for field in fields(Sample) if field.name != "observed_at"))


@dataclass(slots=True)
class _Source:
    declared: DemandSource
    spec: SourceSpec
    ledger: Ledger
    repeated: Sample | None = None


class PoolDemand:
    """The ledgers of one pool's sources.

    A queue that stays as it is gives the same sample twice a second. Such a sample is only kept, and entered
    into the ledger when something changes or somebody looks, so that idle pools cost next to nothing.
    """

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def assign(self, sources: Sequence[DemandSource]) -> None:
        """Follow these sources; what is known about those that stay the same is kept."""
        before = self._sources
        self._sources = {
            source.name: before[source.name]
            if source.name in before and before[source.name].declared == source
            else _Source(source, source_spec(source), Ledger.empty(source.name))
            for source in sources
        }

    def enter(self, news: Sample | Unavailable) -> bool:
        """Take in what a source has published; says whether a decision may depend on it."""
        source = self._sources.get(news.source)
        if source is None:
            return False
        last = source.repeated or source.ledger.last
        if isinstance(news, Sample) and last is not None and _is_quiet_repetition(source, last, news):
            source.repeated = news
            return False
        before = source.ledger.demand
        _catch_up(source)
        source.ledger = record(source.ledger, news, source.spec)
        return not _is_alike(before, source.ledger.demand)

    def fresh_until(self) -> float:
        """When the first reading gets too old if nothing more is read; at once where a source is unknown."""
        times = [_fresh_until(source) for source in self._sources.values()]
        return min(times, default=math.inf)

    def current(self) -> tuple[Demand, ...]:
        """What is known about every source, in the declared order."""
        for source in self._sources.values():
            _catch_up(source)
        return tuple(source.ledger.demand for source in self._sources.values())


def _fresh_until(source: _Source) -> float:
    last = source.repeated or source.ledger.last
    if last is None or not isinstance(source.ledger.demand, Reading):
        return -math.inf
    return last.observed_at + source.spec.stale_after_seconds


def _catch_up(source: _Source) -> None:
    """What arrived between two polls is dated to the earlier one, so the last repetition counts."""
    if source.repeated is not None:
        source.ledger = record(source.ledger, source.repeated, source.spec)
        source.repeated = None


def _is_quiet_repetition(source: _Source, last: Sample, news: Sample) -> bool:
    if news.queued or news.in_flight or not isinstance(source.ledger.demand, Reading):
        return False
    return news.observed_at >= last.observed_at and _content(news) == _content(last)


def _is_alike(before: Demand, after: Demand) -> bool:
    if isinstance(before, Reading) and isinstance(after, Reading):
        return replace(before, observed_at=after.observed_at) == after
    return before == after
