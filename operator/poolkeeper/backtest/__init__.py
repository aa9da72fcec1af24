"""Replays request traces through the same decision that runs in the cluster, and through other policies.

`command` is the command line, `delivery` where its results go. `comparison` replays every pool of every trace
under every policy: `replays` does one of these, `results` has what they found, `figures` adds it up. `tuned`
searches the settings of a peer, `suggest` what a pool should declare. In: traces, and names of policies. Out:
a table, JSON and an HTML report. May import: `api`, `core`.
"""
