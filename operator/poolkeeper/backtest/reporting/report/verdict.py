"""What a comparison says in a sentence: how many hours and late requests more or fewer than which peer."""

from collections.abc import Sequence

from poolkeeper.backtest.controllers.registry import ALWAYS_ON, FRONTIERS, OPTIMUM, POOLKEEPER
from poolkeeper.backtest.figures import Row

BOUNDS = (OPTIMUM, *FRONTIERS)
"""What knows the whole trace: no policy that one could run."""
TUNED = "tuned"
"""Begins the names of peers whose settings were searched on the same trace."""
ABOUT_AS_LATE = 0.05
"""Points of late requests: shares that differ by less count as equal."""
USUAL = "keda"
"""The peer that most people know: it is compared with too, where another one is cheaper."""
AS_MANY_HOURS = 0.5
"""Percent: hours that differ by less count as equal."""
FEW_MORE = 1.0
"""Points: a peer with so many more requests late is still an alternative."""


def kind_of(row: Row) -> str:
    """The name of a policy without its parameters."""
    return row.policy.partition(":")[0].partition(",")[0]


def ours(rows: Sequence[Row]) -> int | None:
    """Place of Poolkeeper's first row; None where it was not asked for."""
    return next((place for place, row in enumerate(rows) if kind_of(row) == POOLKEEPER), None)


def rival(rows: Sequence[Row]) -> int | None:
    """Place of the peer to compare with: the cheapest one with hardly more requests late than Poolkeeper has;
    where all have more, the one with the fewest.
    """
    mine = ours(rows)
    peers = [place for place, row in enumerate(rows) if kind_of(row) not in (POOLKEEPER, *BOUNDS, TUNED)]
    peers = [place for place in peers if kind_of(rows[place]) != ALWAYS_ON] or peers
    if mine is None or not peers:
        return None
    most = rows[mine].late_percent + FEW_MORE
    near = [place for place in peers if rows[place].late_percent <= most]
    if near:
        return min(near, key=lambda place: rows[place].accelerator_hours)
    return min(peers, key=lambda place: rows[place].late_percent)


def verdict(rows: Sequence[Row], objective_percent: float, ratio: tuple[float, float] | None) -> list[str]:
    """Sentences, the most important first; `ratio` is where Poolkeeper's hours lie beside the peer's."""
    mine, theirs = ours(rows), rival(rows)
    if mine is None:
        return []
    said = []
    if theirs is not None:
        said.append(_against(rows[mine], rows[theirs]))
        if ratio is not None:
            said.append(f"With other pools of this kind: {_between(*ratio)} (95 % of drawings of the pools).")
        known = [row for place, row in enumerate(rows) if row.policy == USUAL and place != theirs]
        said += [_against(rows[mine], row) for row in known[:1]]
    said += [f"Requests that {row.policy} loses with their replicas: {row.lost}." for row in rows if row.lost]
    said += _at_equal_share(rows[mine], rows)
    said.append(_promise(rows[mine], objective_percent))
    return said


def _against(mine: Row, theirs: Row) -> str:
    saved = 100 * (1 - mine.accelerator_hours / theirs.accelerator_hours) if theirs.accelerator_hours else 0.0
    points = mine.late_percent - theirs.late_percent
    is_cheaper, is_dearer = saved >= AS_MANY_HOURS, saved <= -AS_MANY_HOURS
    is_better, is_worse = points <= -ABOUT_AS_LATE, points >= ABOUT_AS_LATE
    loses = not is_cheaper and not is_better and (is_dearer or is_worse)
    hours = f"{abs(saved):.0f} % {'fewer' if saved > 0 else 'more'} accelerator-hours than"
    late = f"{abs(points):.2g} points {'fewer' if points < 0 else 'more'} requests late"
    return (
        f"Poolkeeper {'loses here: it ' if loses else ''}takes "
        f"{hours if is_cheaper or is_dearer else 'as many accelerator-hours as'} {theirs.policy}, with "
        f"{late if is_better or is_worse else 'as many requests late'} "
        f"({mine.late_percent:.2f} % against {theirs.late_percent:.2f} %)."
    )


def _between(least: float, most: float) -> str:
    """Such as `8 to 16 % fewer hours` for 0.84 and 0.92 times the hours."""
    few, many = 100 * (1 - most), 100 * (1 - least)
    if few >= 0:
        return f"{few:.0f} to {many:.0f} % fewer hours"
    if many <= 0:
        return f"{-many:.0f} to {-few:.0f} % more hours"
    return f"from {-few:.0f} % more to {many:.0f} % fewer hours"


def _at_equal_share(mine: Row, rows: Sequence[Row]) -> list[str]:
    """A sentence about what was asked for at Poolkeeper's share of late requests: bounds and tuned peers."""
    asked = [row for row in rows if kind_of(row) in (*FRONTIERS, TUNED) and row.accelerator_hours]
    said = [_beside(mine, row) for row in asked if row.late_percent <= mine.late_percent + ABOUT_AS_LATE]
    if not said:
        return []
    *others, last = said
    listed = f"{', '.join(others)} and {last}" if others else last
    return [f"At an equal share of late requests, Poolkeeper's hours are {listed}."]


def _beside(mine: Row, row: Row) -> str:
    fewer = mine.late_percent - row.late_percent >= ABOUT_AS_LATE
    late = f" (which has {row.late_percent:.2f} % late)" if fewer else ""
    return f"{mine.accelerator_hours / row.accelerator_hours:.2f} × those of {row.policy}{late}"


def _promise(mine: Row, objective_percent: float) -> str:
    allowed = 100 - objective_percent
    if mine.late_percent <= allowed + 1e-9:
        return f"The promise of {objective_percent:g} % in time is kept: {mine.late_percent:.2f} % are late."
    avoidable = mine.late_percent - mine.unavoidable_late_percent
    return (
        f"The promise of {objective_percent:g} % in time is missed: {mine.late_percent:.2f} % are late. "
        f"In a pool that is always on, {avoidable:.2f} % of the requests fewer would be late."
    )
