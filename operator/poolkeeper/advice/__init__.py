"""What is wrong with objects that users wrote: pod templates, Services, NetworkPolicies.

In: projections that `kube` has read. Out: a reason and a sentence with the remedy; nothing here reads or
writes. May import: `kube` (its value types), `core`, `api`.
"""
