"""Turns: which pool is looked at next, by one replica of the operator at a time.

`agenda` keeps the due times, `loop` works them off, `leadership` says whether this replica may write,
`health` and `timings` say how the loop is doing. May import: `kube`, `core`.
"""
