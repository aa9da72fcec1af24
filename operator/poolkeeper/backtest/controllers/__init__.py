"""What decides how many replicas a replayed pool has: Poolkeeper, models of other autoscalers, timeouts.

In: what a controller of that kind would see. Out: replicas. May import: `backtest.simulation`, `core`.
"""
