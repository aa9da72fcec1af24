"""The result of a bar of the policy, and the promises and start times that several bars use."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hack.bench.policy.measures.runs import Runs
from poolkeeper.backtest.simulation.start_times import Constant, Lognormal, StartTimes, TwoMode

MINUTE_AND_A_HALF = Constant(90.0)
CACHED_OR_NOT = TwoMode(Lognormal(40.0, 0.1), Lognormal(150.0, 0.1), slow_share=0.3)
Promise = tuple[StartTimes, float]
"""Start times, and the budget."""
STARTS: dict[str, Promise] = {
    "constant 90 s": (MINUTE_AND_A_HALF, 120.0),
    "log-normal 90 s, σ 0.3": (Lognormal(90.0, 0.3), 180.0),
    "log-normal 90 s, σ 0.5": (Lognormal(90.0, 0.5), 300.0),
    "40 s or 150 s": (CACHED_OR_NOT, 240.0),
}
"""Start times that fit the budget."""
HURRIED: Promise = MINUTE_AND_A_HALF, 20.0
"""Starts that outlast the budget."""


@dataclass(frozen=True)
class Finding:
    """The result of one bar on one trace; `is_kept` is None where the trace is too short to say."""

    subject: str
    measured: str
    is_kept: bool | None
    """None too where there is no aim."""
    figure: float | None = None
    """For a mean over traces."""

    @property
    def mark(self) -> str:
        """The word at the beginning of the line."""
        return {True: "kept  ", False: "MISSED", None: "open  "}[self.is_kept]


Bar = Callable[[Runs], Iterator[Finding]]
