"""Which pool a connection belongs to, and how its replicas are reached.

In: routing tables from the controller. Out: the pools with their gates, and connections to replicas. May
import: `activator.gate`, `activator.observing`, `activator.net`.
"""
