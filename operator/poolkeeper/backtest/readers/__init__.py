"""Traces from files: one module per format, recognised by the first line.

`source` opens a file, `lines` reads its rows, `columns` and `instants` understand names and times.

In: a path. Out: a `Trace`. May import: `backtest.traces`.
"""
