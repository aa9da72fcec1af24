"""Everything that arrives: pools and classes from the API server, readings of demand, pods, who leads.

`handlers` is what kopf calls; `updates` keeps pools and classes in the store, `readings` keeps in each pool
what was read; both mark the pool on the agenda. `deletion_sweep` finds what was deleted unseen. May import:
`controller.pool`, `controller.loop`, `kube`.
"""
