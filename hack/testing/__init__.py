"""Where tests and benchmarks run Poolkeeper: a real API server and Redis, pretended nodes, clocks.

Nothing here imports from `tests`; tests and `hack.bench` import from here.
"""
