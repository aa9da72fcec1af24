"""The decision: how many replicas should run, why, and when to look again.

`decide.py` is the entrance, takes the steps, and lists the rules in their order. `starting`, `stopping`,
`failing` and `foreign` hold the rules, `waiting` and `say` the sentences. In: an observation, a specification
and a state. Out: a `Decision` and the next state. May import: `core.learning`, `core.values`.
"""
