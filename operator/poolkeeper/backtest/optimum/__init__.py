"""What the cheapest schedule without an avoidable late request would have cost in hindsight.

In: a trace and a setting. Out: replica-seconds. May import: `backtest.simulation`.
"""
