"""The replayed cluster: replicas that start, work and stop, and what that cost.

`replay.py` is the simulator, `controller.py` what a controller must offer to take part. In: a trace, a
setting and a controller. Out: figures of one pool. May import: `backtest.traces`, `backtest.readers`.
"""
