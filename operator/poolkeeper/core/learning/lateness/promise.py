"""The account of the promise: how many requests were taken, how many of them late, and what made them late
(`core.learning.lateness.causes` finds that out)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from poolkeeper.core.values.admission import CAUSES, AdmissionCause


class Late(NamedTuple):
    """Late requests by what made them late: they would have been in time if …"""

    delay: int = 0
    """… the start that they wait behind had begun at once, when the first request needed it."""
    start: int = 0
    """… a replica had been up already."""
    replicas: int = 0
    """… more replicas, of those that are allowed, had been ready."""
    ceiling: int = 0
    """… the pool's own maximum had been higher."""
    quota: int = 0
    """… quota had allowed more replicas."""
    unknown: int = 0
    """… demand had been known, the operator had run, and its writes had not been held back beside another
    writer."""
    gate: int = 0
    """… no scheduling gate had held a replica that was asked for."""
    refused: int = 0
    """… no ResourceQuota had refused its pod."""
    no_node: int = 0
    """… a node had been there for it, while none was seen to come."""
    provisioning: int = 0
    """… the node that was being made for it had been there."""
    unadmitted: int = 0
    """… it had been admitted, which something else kept it from."""

    @property
    def total(self) -> int:
        """Late requests by any cause."""
        return sum(self)

    @property
    def admission(self) -> int:
        """Those that wait for replicas that were asked for and not admitted. No start that comes earlier, and
        no replica more, would have helped them."""
        return sum(self[_ADMISSION:])

    @property
    def avoidable(self) -> int:
        """Those that would have been in time with an earlier start, or with more of the allowed replicas."""
        return self.delay + self.start + self.replicas

    def plus(self, other: "Late") -> "Late":
        """Both together."""
        if not any(other):
            return self
        return Late(*(mine + its for mine, its in zip(self, other, strict=True)))


NOT_LATE = Late()
_ADMISSION = Late._fields.index("gate")
ADMISSION_FIELDS: Mapping[AdmissionCause, str] = dict(zip(CAUSES, Late._fields[_ADMISSION:], strict=True))
"""The field of late requests by what kept replicas from being admitted."""


class Window(NamedTuple):
    """A span of time up to now, counted in cells of equal length, of which the first may be cut off."""

    name: str
    cell_seconds: float
    cells: int


WINDOWS = (Window("hour", 600.0, 6), Window("day", 7_200.0, 12), Window("30 days", 259_200.0, 10))
"""What a share is given for. Ten minutes of an hour, two hours of a day and three days of a month: 28 cells
fit into a saved state."""
NUMBERS_PER_CELL = 3 + _ADMISSION
MOST_NUMBERS = len(Late._fields) + 1 + sum(2 + NUMBERS_PER_CELL * window.cells for window in WINDOWS)
BEFORE_ADMISSION = ("delay", "start", "replicas", "ceiling", "quota", "unknown")
"""The causes that the versions before knew, in their order. What waited for replicas that were not admitted
counted as late by quota."""
EARLIER_CAUSES = ("start", "ceiling", "quota", "unknown")
"""The causes that versions before these knew. What was late behind a delayed start or too few replicas
counted as late by the start, or by the ceiling."""
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
        total = Tally(self.total.taken + taken, self.total.late.plus(late))
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


def to_numbers(promise: Promise) -> Iterator[int]:
    """The account without the requests taken in total, as integers that pack well.

    A cell keeps what was late by admission as one number, and a window which of its causes was the most
    frequent: the account has little room.
    """
    yield from (*promise.total.late, int(promise.counted_at))
    for cells in promise.windows:
        yield len(cells)
        if cells:
            yield _most_frequent(cells)
        before = 0
        for number, taken, late in cells:
            yield from (number - before, taken, *late[:_ADMISSION], late.admission)
            before = number


def from_numbers(
    numbers: Iterable[int], taken: int, now: float, causes: Sequence[str] = Late._fields
) -> Promise:
    """The account that `to_numbers` made these of, with late requests by these causes. Nothing is counted
    later than `now`. Raises ValueError."""
    left = iter(numbers)
    late, (counted_at,) = _late(left, causes), _next(left, 1)
    windows = tuple(_cells(window, left, now, causes) for window in WINDOWS)
    if min(taken, counted_at, *late) < 0 or next(left, None) is not None:
        raise ValueError("the account of the promise holds impossible numbers")
    return Promise(Tally(taken, late), min(float(counted_at), now), windows)


def _cells(window: Window, left: Iterator[int], now: float, causes: Sequence[str]) -> tuple[Cell, ...]:
    """Cells later than now count as the present one: an operator whose clock was ahead has counted them."""
    cells: list[Cell] = []
    number, present, (length,) = 0, _number(window, now), _next(left, 1)
    latest = _number(window, now + MOST_AHEAD_SECONDS)
    if length and len(causes) > _ADMISSION:
        (held_by,) = _next(left, 1)
        causes = (*causes[:_ADMISSION], _held_by(held_by))
    for _ in range(length):
        (later, taken), late = _next(left, 2), _late(left, causes)
        number += later
        if later <= 0 or min(taken, *late) < 0 or number > latest or length > window.cells:
            raise ValueError("a cell of the account of the promise is impossible")
        cell = Cell(min(number, present), taken, late)
        if cells and cells[-1].number == cell.number:
            before = cells.pop()
            cell = Cell(cell.number, before.taken + cell.taken, before.late.plus(cell.late))
        cells.append(cell)
    return tuple(cells)


def _most_frequent(cells: Sequence[Cell]) -> int:
    """Which of CAUSES has made most requests late."""
    return max(range(len(CAUSES)), key=lambda at: sum(cell.late[_ADMISSION + at] for cell in cells))


def _held_by(number: int) -> str:
    if not 0 <= number < len(CAUSES):
        raise ValueError("the account of the promise names an unknown cause")
    return Late._fields[_ADMISSION + number]


def _late(left: Iterator[int], causes: Sequence[str]) -> Late:
    found = _next(left, len(causes))
    return Late(**dict(zip(causes, found, strict=True))) if any(found) else NOT_LATE


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
