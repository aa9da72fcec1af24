"""A self-contained HTML report."""

from poolkeeper.backtest.comparison import Comparison, Results


def report(comparison: Comparison, results: Results) -> str:
    """The report as one HTML document."""
    raise NotImplementedError
