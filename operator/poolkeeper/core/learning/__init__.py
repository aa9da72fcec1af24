"""What a pool has learned from its past: its starts, idle gaps, load, service time, late requests, silence.

In: samples and observations. Out: `PoolState`, small and serialisable, and the estimates read from it.
May import: `core.values`.
"""
