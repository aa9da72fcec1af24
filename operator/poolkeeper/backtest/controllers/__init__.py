"""Everything that can decide how many replicas a replayed pool has: Poolkeeper and its peers.

In: what a controller of that kind would see. Out: replicas. May import: `backtest.simulation`, `core`.
"""
