"""A pool on several classes of accelerators: one decision about the pool, spread over its targets.

An *arm* is one target of the pool on its class: the preferred one first, then those of `spec.fallbacks`.
`deciding.py` is the entrance: it shows `decide` the pool as a whole, then says how many replicas each arm
should have. `merging` makes the whole picture, `outlook` says when a replica of an arm would be ready,
`spreading` chooses the arms, `scarce` remembers which classes have no capacity, `say` explains. A pool
without fallbacks never comes here. May import: `core.policy`, `core.learning`, `core.values`.
"""
