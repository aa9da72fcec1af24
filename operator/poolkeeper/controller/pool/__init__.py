"""One pool as the operator knows it: its declaration, target, demand, starts, history and surroundings.

In: what `intake` delivers, and readings from `kube`. Out: the observation and the specification that `decide`
is given. May import: `controller.loop`, `kube`, `core`, `api`.
"""
