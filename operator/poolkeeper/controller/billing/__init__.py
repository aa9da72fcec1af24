"""The bill of each pool: what its replicas hold and cost, in which day, and where its hours are kept.

In: what a look saw of a pool. Out: the pool's meter, the ceiling that a spent budget sets, and ConfigMaps in
the operator's own namespace with the hours and days of all pools. May import: `controller.pool`,
`controller.loop`, `kube`, `core`.
"""
