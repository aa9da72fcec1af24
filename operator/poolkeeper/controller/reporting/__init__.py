"""What users read: conditions, status, events and metrics of each pool.

In: a pool after a decision. Out: patches of its status, events, series. May import: `controller.pool`,
`controller.loop`, `kube`, `core`.
"""
