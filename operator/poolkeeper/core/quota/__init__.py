"""Shares chips, watts and dollars per hour among pools: what each holds, and how many replicas it may have.

In: quotas, what each pool's target and pods show (`Holding`), what is at stake for each pool (`Stake`). Out:
a ceiling per pool, and the reservation that a raise needs. Pure. May import: `core.values`, `core.tuning`.
"""
