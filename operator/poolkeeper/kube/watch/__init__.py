"""Lists that stay current: one reflector per watched list, and the pods made from it.

In: list and watch answers. Out: small projections of pods, and who is to hear of a change. May import:
`kube.transport`.
"""
