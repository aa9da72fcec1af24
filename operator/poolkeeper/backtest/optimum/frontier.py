"""What late requests save: the cheapest choices of one pool, and of several pools that share one price.

A frontier is convex: from the point with the fewest late requests to the cheapest, each further late request
saves less than the one before. A point between two of its points is a mix of them: 10 late for 60 h in one
half of the time and 20 late for 50 h in the other make 15 late for 55 h.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple


class Point(NamedTuple):
    """One choice for one pool, or the sum of one choice for each of several pools."""

    late: float
    """Requests that wait longer than the budget; not a whole number where two choices are mixed."""
    accelerator_seconds: float
    name: str = ""
    """Which choice it is, as `--policy` reads it, where it is one."""


Frontier = Sequence[Point]


def convex(points: Iterable[Point]) -> list[Point]:
    """The points that no other point and no mix of two others beats, from the fewest late requests on."""
    kept: list[Point] = []
    for point in sorted(points):
        if kept and point.accelerator_seconds >= kept[-1].accelerator_seconds:
            continue
        while len(kept) > 1 and _price(kept[-2], kept[-1]) >= _price(kept[-1], point):
            kept.pop()
        kept.append(point)
    return kept


def added(frontiers: Sequence[Frontier]) -> list[Point]:
    """The frontier of all pools together: every point of it is one price of a late request in all of them."""
    late = sum(frontier[0].late for frontier in frontiers)
    seconds = sum(frontier[0].accelerator_seconds for frontier in frontiers)
    points = [Point(late, seconds)]
    for _, fewer, more in _steps(frontiers):
        late += more.late - fewer.late
        seconds += more.accelerator_seconds - fewer.accelerator_seconds
        points.append(Point(late, seconds))
    return points


def cheapest(frontier: Frontier, late: float) -> float | None:
    """The least accelerator-seconds with this number of late requests; None where no choice has so few."""
    if late < frontier[0].late:
        return None
    return mixed(frontier, late).accelerator_seconds


def mixed(frontier: Frontier, late: float) -> Point:
    """The point of a frontier with this number of late requests, or the nearer end of the frontier."""
    for fewer, more in pairwise(frontier):
        if fewer.late <= late < more.late:
            return _mix(fewer, more, (late - fewer.late) / (more.late - fewer.late))
    return frontier[0] if late < frontier[0].late else frontier[-1]


def shared_out(frontiers: Sequence[Frontier], late: float) -> list[Point]:
    """One point for each pool, with this number of late requests in all, for the least accelerator-seconds.

    All pools give up a late request at the same price. At most one pool mixes two of its choices.
    """
    chosen = [frontier[0] for frontier in frontiers]
    left = late - sum(point.late for point in chosen)
    for pool, fewer, more in _steps(frontiers):
        if left <= 0:
            break
        part = min(1.0, left / (more.late - fewer.late))
        chosen[pool] = _mix(fewer, more, part)
        left -= more.late - fewer.late
    return chosen


def _steps(frontiers: Sequence[Frontier]) -> Iterator[tuple[int, Point, Point]]:
    """The steps to more late requests of all pools by number, those first that save most for each."""
    steps = [
        (_price(fewer, more), pool, place, fewer, more)
        for pool, frontier in enumerate(frontiers)
        for place, (fewer, more) in enumerate(pairwise(frontier))
    ]
    for _, pool, _, fewer, more in sorted(steps):
        yield pool, fewer, more


def _price(fewer: Point, more: Point) -> float:
    """What one late request more costs, in accelerator-seconds: below 0, since it saves some."""
    return (more.accelerator_seconds - fewer.accelerator_seconds) / (more.late - fewer.late)


def _mix(fewer: Point, more: Point, part: float) -> Point:
    if part >= 1.0:
        return more
    return Point(
        fewer.late + part * (more.late - fewer.late),
        fewer.accelerator_seconds + part * (more.accelerator_seconds - fewer.accelerator_seconds),
        f"{fewer.name} or {more.name}" if fewer.name else "",
    )
