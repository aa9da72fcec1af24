"""The account of the promise: how many requests were taken, how many of them late, and what made them late.

A request is late when it waited longer than the budget. It is late by a cause other than the start if it
would have been in time without that cause. Example: the budget is 10 s and a request waited 50 s, during 45 s
of which all replicas that `replicas.max` allows were ready: it is late by the ceiling. Where they were ready
for the last 30 s only, the start alone had made it late before.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from poolkeeper.core.tuning import ADMISSION_SECONDS
from poolkeeper.core.values.observation import ArrivalBucket


class Late(NamedTuple):
    """Late requests by what made them late."""

    start: int = 0
    """A start began too late or took too long, or the replicas that ran were too slow."""
    ceiling: int = 0
    """All replicas that the pool's own maximum allows were ready."""
    quota: int = 0
    """Replicas that were asked for were not admitted, or all that quota allows were ready."""
    unknown: int = 0
    """Demand was not known, the operator did not run, or its writes were held back beside another writer."""

    @property
    def total(self) -> int:
        """Late requests by any cause."""
        return sum(self)

    def plus(self, other: "Late") -> "Late":
        """Both together."""
        return Late(*(mine + its for mine, its in zip(self, other, strict=True)))


NOT_LATE = Late()


class Spell(NamedTuple):
    """The latest time for which something was the case, in Unix seconds."""

    began_at: float = math.inf
    """Infinity: it never was."""
    ended_at: float = -math.inf
    """Infinity: it still is."""

    @property
    def lasts(self) -> bool:
        """Whether it still is the case."""
        return self.ended_at == math.inf

    def follow(self, now: float, *, holds: bool) -> "Spell":
        """The spell after a look that shows whether it is the case."""
        if holds == (self.ended_at == math.inf):
            return self
        return Spell(now, math.inf) if holds else Spell(self.began_at, now)

    def seconds_within(self, begin: float, end: float) -> float:
        """For how much of the time between two instants it was the case."""
        return max(0.0, min(end, self.ended_at) - max(begin, self.began_at))


NEVER = Spell()


class Obstacles(NamedTuple):
    """What may keep requests waiting besides a start. Until the first look, demand is unknown."""

    blind: Spell = Spell(-math.inf, math.inf)
    """The demand of a source was unknown, or writes were held back."""
    quota: Spell = NEVER
    """A replica that was asked for was not admitted, or as many as quota allows were ready."""
    ceiling: Spell = NEVER
    """As many replicas as the pool's own maximum were ready."""


class Window(NamedTuple):
    """A span of time up to now, counted in cells of equal length, of which the first may be cut off."""

    name: str
    cell_seconds: float
    cells: int


WINDOWS = (Window("hour", 600.0, 6), Window("day", 7_200.0, 12), Window("30 days", 259_200.0, 10))
"""What a share is given for. Ten minutes of an hour, two hours of a day and three days of a month: 28 cells
fit into a saved state."""
NUMBERS_PER_CELL = 6
MOST_AHEAD_SECONDS = WINDOWS[-1].cell_seconds * WINDOWS[-1].cells
"""A clock may have been ahead by so much; what was counted later than that is no account."""


class Cell(NamedTuple):
    """What was counted in one cell of a window."""

    number: int
    """Cells since 1970."""
    taken: int
    late: Late


class Tally(NamedTuple):
    """Requests of some time."""

    taken: int = 0
    """Requests that were taken."""
    late: Late = NOT_LATE
    """Those that were late."""


class Promise(NamedTuple):
    """The account of one pool."""

    total: Tally = Tally()
    """Since the pool was first seen."""
    counted_at: float = 0.0
    """When requests were last taken, in Unix seconds; 0 for never."""
    windows: tuple[tuple[Cell, ...], ...] = ((),) * len(WINDOWS)
    """For each of WINDOWS the cells in which something was counted, oldest first."""

    def enter(self, at: float, taken: int, late: Late) -> "Promise":
        """Enter requests that were taken at an instant, of which some were late."""
        total = Tally(self.total.taken + taken, self.total.late.plus(late) if any(late) else self.total.late)
        cells = zip(WINDOWS, self.windows, strict=True)
        windows = tuple(_enter(window, counted, at, taken, late) for window, counted in cells)
        return Promise(total, max(at, self.counted_at), windows)

    def over(self, window: Window, now: float) -> Tally:
        """What was counted in one of WINDOWS, up to now."""
        first = _number(window, now) - window.cells
        cells = [cell for cell in self.windows[WINDOWS.index(window)] if cell.number > first]
        late = NOT_LATE
        for cell in cells:
            late = late.plus(cell.late)
        return Tally(sum(cell.taken for cell in cells), late)


def late_among(
    waiting: Sequence[ArrivalBucket],
    requests: float,
    until: float,
    budget_seconds: float,
    obstacles: Obstacles,
) -> Late:
    """How many of the oldest `requests` that waited `until` an instant were late, by what made them late."""
    late = dict.fromkeys(Late._fields, 0)
    for arrived_at, arrived in waiting:
        if requests <= 0 or until - arrived_at <= budget_seconds:
            break
        late[_cause(arrived_at, until, until - arrived_at - budget_seconds, obstacles)] += int(
            min(requests, arrived)
        )
        requests -= arrived
    return Late(**late)


def _cause(arrived_at: float, until: float, late_seconds: float, obstacles: Obstacles) -> str:
    if obstacles.blind.seconds_within(arrived_at, until) >= late_seconds:
        return "unknown"
    if obstacles.quota.seconds_within(arrived_at, until) >= max(late_seconds, ADMISSION_SECONDS):
        return "quota"
    if obstacles.ceiling.seconds_within(arrived_at, until) >= late_seconds:
        return "ceiling"
    return "start"


def to_numbers(promise: Promise) -> Iterator[int]:
    """The account without the requests taken in total, as integers that pack well."""
    yield from (*promise.total.late, int(promise.counted_at))
    for cells in promise.windows:
        yield len(cells)
        before = 0
        for number, taken, late in cells:
            yield from (number - before, taken, *late)
            before = number


def from_numbers(numbers: Iterable[int], taken: int, now: float) -> Promise:
    """The account that `to_numbers` made these of. Nothing is counted later than `now`. Raises ValueError."""
    left = iter(numbers)
    late, (counted_at,) = Late(*_next(left, len(Late._fields))), _next(left, 1)
    windows = tuple(_cells(window, left, now) for window in WINDOWS)
    if min(taken, counted_at, *late) < 0 or next(left, None) is not None:
        raise ValueError("the account of the promise holds impossible numbers")
    return Promise(Tally(taken, late), min(float(counted_at), now), windows)


def _cells(window: Window, left: Iterator[int], now: float) -> tuple[Cell, ...]:
    """Cells later than now count as the present one: an operator whose clock was ahead has counted them."""
    cells: list[Cell] = []
    number, present, (length,) = 0, _number(window, now), _next(left, 1)
    latest = _number(window, now + MOST_AHEAD_SECONDS)
    for _ in range(length):
        later, taken, *late = _next(left, NUMBERS_PER_CELL)
        number += later
        if later <= 0 or min(taken, *late) < 0 or number > latest or length > window.cells:
            raise ValueError("a cell of the account of the promise is impossible")
        cell = Cell(min(number, present), taken, Late(*late))
        if cells and cells[-1].number == cell.number:
            before = cells.pop()
            cell = Cell(cell.number, before.taken + cell.taken, before.late.plus(cell.late))
        cells.append(cell)
    return tuple(cells)


def _next(left: Iterator[int], numbers: int) -> list[int]:
    found = list(islice(left, numbers))
    if len(found) < numbers:
        raise ValueError("the account of the promise is cut off")
    return found


def _number(window: Window, at: float) -> int:
    return int(at // window.cell_seconds)


def _enter(window: Window, cells: tuple[Cell, ...], at: float, taken: int, late: Late) -> tuple[Cell, ...]:
    """Enter into the last cell where the instant is in it, or before it: sources are not read in order."""
    number = _number(window, at)
    if cells and cells[-1].number >= number:
        last = cells[-1]
        return (*cells[:-1], Cell(last.number, last.taken + taken, last.late.plus(late)))
    kept = [cell for cell in cells if cell.number > number - window.cells]
    return (*kept, Cell(number, taken, late))
