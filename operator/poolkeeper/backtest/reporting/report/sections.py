"""What the report says of one trace."""

from collections.abc import Sequence
from html import escape

from poolkeeper.backtest.comparison import Comparison
from poolkeeper.backtest.figures import PoolFigures, Row
from poolkeeper.backtest.reporting.report.confidence import FEWEST_POOLS, Drawings
from poolkeeper.backtest.reporting.report.deciding import MOST, Difference, deciding, half
from poolkeeper.backtest.reporting.report.frontier import frontier
from poolkeeper.backtest.reporting.report.verdict import BOUNDS, kind_of, ours, rival, verdict
from poolkeeper.backtest.reporting.table import columns, shown_name
from poolkeeper.backtest.simulation.timeline import replicas_per_bin, requests_per_bin
from poolkeeper.backtest.traces.trace import Trace
from poolkeeper.plots.page import figure, table
from poolkeeper.plots.panels import Strip, strips
from poolkeeper.plots.scatter import Kind

BINS = 240
MOST_STRIPS = 8
"""Policies whose replicas are drawn."""


class Section:
    """One trace under every policy."""

    def __init__(
        self,
        comparison: Comparison,
        number: int,
        trace: Trace,
        rows: Sequence[Row],
        pools: Sequence[Sequence[PoolFigures]],
    ) -> None:
        """`number` is the place of the trace, which the names of its plots end with."""
        self._comparison, self._number, self._trace, self._rows, self._pools = (
            comparison,
            number,
            trace,
            rows,
            pools,
        )
        self._mine, self._theirs = ours(rows), rival(rows)
        self._drawings = Drawings(pools, comparison.setting.seed)

    def html(self) -> str:
        differences = self._differences()
        busiest = max(range(len(self._trace.pools)), key=lambda place: len(self._trace.pools[place]))
        shown = differences[0].place if differences else busiest
        return "\n".join(
            [
                f"<section><h2>{escape(self._trace.name)}</h2>",
                self._verdict(),
                self._summary(),
                self._policies(),
                self._frontier(),
                self._deciding(differences),
                self._over_time(shown),
                "</section>",
            ]
        )

    def _differences(self) -> list[Difference]:
        if self._mine is None or self._theirs is None:
            return []
        return deciding(self._pools[self._mine], self._pools[self._theirs])

    def _verdict(self) -> str:
        ratio = None
        if self._mine is not None and self._theirs is not None:
            ratio = self._drawings.hours_ratio(self._mine, self._theirs)
        said = verdict(self._rows, self._comparison.setting.objective_percent, ratio)
        if not said:
            return ""
        first, *others = map(escape, said)
        return f'<p class="verdict"><strong>{first}</strong> {" ".join(others)}</p>'

    def _summary(self) -> str:
        first = self._rows[0]
        notes = "".join(f'<p class="note">{escape(note)}.</p>' for note in self._trace.notes)
        pools = f"{first.pools} pools" if first.pools > 1 else "1 pool"
        return (
            f"<p>{first.requests} requests, {pools}. The optimum ({first.optimum_kind}) takes "
            f"{first.optimum_hours:.2f} accelerator-hours. {first.unavoidable_late_percent:.2f} % of the "
            f"requests are late in a pool that is always on too.</p>{notes}"
        )

    def _policies(self) -> str:
        shown = columns(self._rows)
        return table(
            "The policies; late requests waited longer than the budget",
            ["policy", *(column.title for column in shown)],
            [[shown_name(row), *(column.cell(row) for column in shown)] for row in self._rows],
            [self._mine] if self._mine is not None else [],
        )

    def _frontier(self) -> str:
        caption = "Cost against late requests: nearer to the lower left corner is better."
        if self._drawings.is_known:
            caption += (
                " Thin lines: where late requests, and hours beside Poolkeeper's, would lie with other pools "
                "of this kind (95 % of 1,000 drawings of the pools)."
            )
        else:
            caption += (
                f" With fewer than {FEWEST_POOLS} pools it is not known how far other pools would differ."
            )
        return figure(frontier(self._rows, self._drawings, f"frontier-{self._number}"), caption)

    def _deciding(self, differences: Sequence[Difference]) -> str:
        if self._mine is None or self._theirs is None or len(self._trace.pools) < 2:
            return ""
        mine, theirs = self._rows[self._mine], self._rows[self._theirs]
        total = mine.accelerator_hours - theirs.accelerator_hours
        few = half(differences)
        return table(
            f"The pools that decide it: {few} of {len(differences)} pools make up half of all differences "
            f"between Poolkeeper and {theirs.policy}",
            ["pool", "requests", "hours", f"hours, {theirs.policy}", "difference", "share of the difference",
             "late", f"late, {theirs.policy}"],
            [self._of_pool(each, total) for each in differences[:MOST]],
        )  # fmt: skip

    def _of_pool(self, each: Difference, total: float) -> list[str]:
        return [
            self._trace.pools[each.place].name or "(no name)",
            str(each.mine.requests),
            f"{each.mine.outcome.accelerator_seconds / 3600:.2f}",
            f"{each.theirs.outcome.accelerator_seconds / 3600:.2f}",
            f"{each.hours:+.2f}",
            f"{100 * each.hours / total:.0f} %" if total else "",
            f"{each.mine.late:.0f}",
            f"{each.theirs.late:.0f}",
        ]

    def _over_time(self, place: int) -> str:
        pool = self._trace.pools[place]
        seconds = pool.arrivals[-1] + 1.0
        per_minute = [
            60 * count * BINS / seconds for count in requests_per_bin(pool.arrivals, 0.0, seconds, BINS)
        ]
        shown = [Strip("requests per minute", per_minute, is_demand=True)]
        for row, pools in self._in_order():
            over_time = pools[place].outcome.replicas_over_time
            if over_time and len(shown) <= MOST_STRIPS:
                values = replicas_per_bin(over_time, 0.0, seconds, BINS)
                shown.append(Strip(f"replicas of {row.policy}", values, self._kind(row)))
        name = f"pool {pool.name}" if pool.name else "the pool"
        which = "the pool that decides most" if self._theirs is not None else "the busiest pool"
        if len(self._trace.pools) > 1:
            name = f"{which}, {pool.name}"
        hours = seconds / 3600
        return figure(
            strips(
                shown, seconds, name=f"time-{self._number}",
                description=f"Requests and replicas over {hours:.1f} hours in {name}.",
            ),
            f"Requests and the replicas paid for over time in {name}.",
        )  # fmt: skip

    def _in_order(self) -> list[tuple[Row, Sequence[PoolFigures]]]:
        """Poolkeeper first, then the peer it is compared with, then the others as they were asked for."""
        first = [place for place in (self._mine, self._theirs) if place is not None]
        places = [*first, *(place for place in range(len(self._rows)) if place not in first)]
        return [(self._rows[place], self._pools[place]) for place in places]

    def _kind(self, row: Row) -> Kind:
        if row is self._rows[self._mine or 0] and self._mine is not None:
            return Kind.OURS
        return Kind.BOUND if kind_of(row) in BOUNDS else Kind.PEER
