"""Poolkeeper: pools of model servers at the lowest cost that keeps a promise about waiting."""
