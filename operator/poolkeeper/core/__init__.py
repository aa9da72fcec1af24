"""The decision: pure functions from what was observed to how many replicas should run, and why."""
