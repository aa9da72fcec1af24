"""Everything that arrives from the API server: pools, classes, pods, deletions.

`handlers` is what kopf calls, `updates` enters each change into the store and wakes the pool. In: watch
events. Out: entries in the store and the agenda. May import: `controller.reporting`, `controller.pool`,
`kube`.
"""
