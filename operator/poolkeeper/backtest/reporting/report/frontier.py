"""Cost against late requests, for the policies of one trace."""

import re
from collections.abc import Sequence
from dataclasses import replace

from poolkeeper.backtest.controllers.registry import POOLKEEPER
from poolkeeper.backtest.figures import Row
from poolkeeper.backtest.reporting.report.confidence import Drawings
from poolkeeper.backtest.reporting.report.verdict import BOUNDS, kind_of, ours
from poolkeeper.plots.axis import Axis
from poolkeeper.plots.scatter import Kind, Point, Series, scatter

JOINED = (POOLKEEPER, "fixed")
LATE = Axis("requests that waited longer than the budget, %", most=100.0, is_fitted=True)
HOURS = Axis("accelerator-hours", is_fitted=True)


def frontier(rows: Sequence[Row], drawings: Drawings | None, name: str) -> str:
    """An SVG; dots of one policy with several parameters are joined, cheapest first."""
    points = [_point(place, rows, drawings) for place in range(len(rows))]
    joined = []
    for policy in JOINED:
        members = [place for place, row in enumerate(rows) if kind_of(row) == policy]
        if len(members) > 1:
            common = rows[members[0]].policy
            for place in members:
                points[place] = replace(points[place], label=re.split("[:=]", rows[place].policy)[-1])
            series = sorted((points[place] for place in members), key=lambda point: (point.y, -point.x))
            joined.append(Series(f"{common.removesuffix(points[members[0]].label)}…", series))
    said = ", ".join(
        f"{row.policy} {row.accelerator_hours:.2f} h at {row.late_percent:.2f} %" for row in rows
    )
    return scatter(
        points, LATE, HOURS, joined=joined, name=name,
        description=f"Accelerator-hours and share of late requests of each policy: {said}.",
    )  # fmt: skip


def _point(place: int, rows: Sequence[Row], drawings: Drawings | None) -> Point:
    row = rows[place]
    mine = ours(rows)
    is_ours = kind_of(row) == POOLKEEPER
    kind = Kind.OURS if is_ours else Kind.BOUND if kind_of(row) in BOUNDS else Kind.PEER
    late = drawings.late_percent(place) if drawings else None
    hours = None
    if drawings and mine is not None and place != mine and (found := drawings.hours_ratio(place, mine)):
        hours = found[0] * rows[mine].accelerator_hours, found[1] * rows[mine].accelerator_hours
    return Point(row.late_percent, row.accelerator_hours, row.policy, kind, late, hours)
