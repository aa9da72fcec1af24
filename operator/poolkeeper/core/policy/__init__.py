"""The decision: how many replicas should run, why, and when to look again.

`decide.py` is the entrance and lists the rules in their order; `starting` and `stopping` hold them. In: an
observation, a specification and a state. Out: a `Decision` and the next state. May import: `core.learning`,
`core.values`.
"""
