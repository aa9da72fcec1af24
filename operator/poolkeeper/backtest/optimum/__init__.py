"""What is possible: the optimum with the whole trace known, and the best rules chosen with it known.

`choice` finds the optimum: the cheapest schedule without an avoidably late request. `hindsight` finds the
best fixed constants; `frontier` weighs its hours against late requests. In: a trace and a setting. Out:
replica-seconds. May import: `backtest.simulation`.
"""
