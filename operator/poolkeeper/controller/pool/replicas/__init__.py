"""What is known of each replica: its start, the container that serves, and when Kubernetes removes it.

In: projections of pods. Out: plain values for `Starts`. May import: `kube.watch`, `core`.
"""
