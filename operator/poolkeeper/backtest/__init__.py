"""Replays of request traces through the same decision that runs in the cluster, beside its peers."""
