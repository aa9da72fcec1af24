"""Everything that can decide how many replicas a replayed pool has: Poolkeeper and its peers."""
