"""The decision: how many replicas a pool should have now, and why."""
