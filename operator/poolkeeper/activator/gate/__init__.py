"""Who may go to a replica now: the fair queue of held requests and the replicas' slots.

In: requests, slots, deadlines. Out: releases and refusals. May import: `activator.observing`,
`activator.net`.
"""
