"""What the cheapest schedule without an avoidably late request costs, with the whole trace known.

In: a trace and a setting. Out: replica-seconds. May import: `backtest.simulation`.
"""
