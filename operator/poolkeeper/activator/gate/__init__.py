"""Which held request goes to which replica, and when: the fair queue of requests and the replicas' slots.

In: requests, slots, deadlines. Out: releases and refusals. `line` has the rules without a clock, `gate` adds
timers. May import: `activator.observing`, `activator.net`.
"""
