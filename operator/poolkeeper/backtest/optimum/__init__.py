"""What is possible with the whole trace known.

`choice` finds the optimum: the cheapest schedule without an avoidably late request. `informed` finds the best
plan that does not know how long the next start takes, `hindsight` the best fixed rules; `frontier` weighs
their hours against late requests. In: a trace and a setting. Out: replica-seconds. May import:
`backtest.simulation`.
"""
