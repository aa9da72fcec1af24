"""Traces from files: one module per format, recognised by the first line.

In: a path. Out: a `Trace`. May import: `backtest.traces`.
"""
