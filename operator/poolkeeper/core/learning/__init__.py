"""What a pool has learned from its past: start times, idle gaps, load, service time, late requests.

In: samples and observations. Out: `PoolState`, small and serialisable, and the estimates read from it.
May import: `core.values`.
"""
