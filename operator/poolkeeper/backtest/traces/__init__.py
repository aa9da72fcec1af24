"""A trace of requests as arrays, and synthetic traces.

In: seeds and rates. Out: `Trace`. May import: nothing else of the backtest.
"""
