"""Replays request traces through the same decision that runs in the cluster, and through other policies."""
