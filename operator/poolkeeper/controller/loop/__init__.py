"""The loop: which pool is looked at next, and whether this replica of the operator may write.

`agenda` keeps the due times, `loop` looks at the pools that are due, `leadership` holds the lease, `health`
and `timings` show how the loop is doing. May import: `kube`, `core`.
"""
