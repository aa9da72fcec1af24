"""What a pool's accelerators were paid for: seconds by state, and from them dollars and watt-hours.

In: at each look the replicas that hold accelerators, since when, and how many of them work. Out: an account
that goes on over restarts, rows of hours that are kept for reports, and what a budget allows. Pure.
"""
