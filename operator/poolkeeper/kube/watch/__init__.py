"""Lists that stay current: one reflector per watched list, and the pods made from it.

In: list and watch answers. Out: small projections of pods, and which namespaces have changed. May import:
`kube.transport`.
"""
