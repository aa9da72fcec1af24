"""One source's ledger between two looks at it: a reading that repeats costs next to nothing.

A queue that stays as it is gives the same sample twice a second. Such a sample is only kept, and entered into
the ledger when something changes or a decision needs it. It must be entered then: what arrives between two
polls is dated to the earlier one, so the last repetition counts. Example: an empty queue is read at 10.0,
10.5 and 11.0 s, and at 11.5 s two requests wait. They arrived at 11.0 s at the earliest, not at 10.0 s.
"""

import math
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from poolkeeper.core.values.ledger import Ledger, Sample, record
from poolkeeper.core.values.observation import Demand, Reading, Unavailable
from poolkeeper.core.values.spec import SourceSpec

_MOVES_BY_ITSELF = {"observed_at", "quiet_seconds"}
_content = attrgetter(*(field.name for field in fields(Sample) if field.name not in _MOVES_BY_ITSELF))


@dataclass(slots=True)
class SourceDemand:
    """What is known about the demand of one source."""

    spec: SourceSpec
    ledger: Ledger
    _repeated: Sample | None = None

    @classmethod
    def unread(cls, spec: SourceSpec) -> "SourceDemand":
        """A source that has not been read yet."""
        return cls(spec, Ledger.empty(spec.name))

    def enter(self, news: Sample | Unavailable) -> bool:
        """Take in what a poll returned. Says whether a decision may depend on it."""
        last = self._repeated or self.ledger.last
        if isinstance(news, Sample) and last is not None and self._is_quiet_repetition(last, news):
            self._repeated = news
            return False
        before = self.ledger.demand
        self._catch_up()
        self.ledger = record(self.ledger, news, self.spec)
        return not _is_alike(before, self.ledger.demand)

    def current(self) -> Demand:
        """The demand as of the last poll."""
        self._catch_up()
        return self.ledger.demand

    def fresh_until(self) -> float:
        """When the last reading gets too old if nothing more is read; minus infinity where there is none."""
        last = self._repeated or self.ledger.last
        if last is None or not isinstance(self.ledger.demand, Reading):
            return -math.inf
        return last.observed_at + self.spec.stale_after_seconds

    def _catch_up(self) -> None:
        if self._repeated is not None:
            self.ledger = record(self.ledger, self._repeated, self.spec)
            self._repeated = None

    def _is_quiet_repetition(self, last: Sample, news: Sample) -> bool:
        """Whether nothing waits, nothing is in flight, and nothing has changed."""
        if news.queued or news.in_flight or not isinstance(self.ledger.demand, Reading):
            return False
        return news.observed_at >= last.observed_at and _content(news) == _content(last)


def _is_alike(before: Demand, after: Demand) -> bool:
    if isinstance(before, Reading) and isinstance(after, Reading):
        as_late = replace(before, observed_at=after.observed_at, quiet_seconds=after.quiet_seconds)
        return as_late == after
    return before == after
