"""Quotas at work: which pools each counts, what they hold, and how many replicas each may have.

In: quotas from the API server, what a look at a pool has seen and decided. Out: a ceiling for each decision,
a reservation for each raise, the status and metrics of quotas. May import: `controller.pool`,
`controller.loop`, `kube`, `core`.
"""
