"""One module per kind of object that the operator reads or writes.

In: identities and values. Out: projections, or one write. May import: `kube.watch`, `kube.transport`.
"""
