"""One look at one pool: observe, decide, write the replicas if they change, report.

In: a pool from the store. Out: at most one write of `/scale`. May import: `controller.reporting`,
`controller.pool`, `controller.loop`, `kube`, `core`.
"""
