"""The demand of one pool, from what its sources publish."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.pool.translate import source_spec
from poolkeeper.core.values.ledger import Sample
from poolkeeper.core.values.observation import Demand, Unavailable
from poolkeeper.core.values.source_demand import SourceDemand


@dataclass(frozen=True, slots=True)
class _Source:
    declared: DemandSource
    demand: SourceDemand


class PoolDemand:
    """The demand of each of a pool's sources, in the declared order."""

    def __init__(self) -> None:
        self._sources: dict[str, _Source] = {}

    def assign(self, sources: Sequence[DemandSource]) -> None:
        """Follow these sources; sources that stay the same keep what is known about them."""
        before = self._sources
        self._sources = {
            source.name: before[source.name]
            if source.name in before and before[source.name].declared == source
            else _Source(source, SourceDemand.unread(source_spec(source)))
            for source in sources
        }

    def enter(self, news: Sample | Unavailable) -> bool:
        """Keep what a source has published. Returns whether a decision may depend on it."""
        source = self._sources.get(news.source)
        return source is not None and source.demand.enter(news)

    def fresh_until(self) -> float:
        """When the first reading gets too old if nothing more is read; -inf while a source is unknown."""
        return min((source.demand.fresh_until() for source in self._sources.values()), default=math.inf)

    def current(self) -> tuple[Demand, ...]:
        """What is known about every source, in the declared order."""
        return tuple(source.demand.current() for source in self._sources.values())
