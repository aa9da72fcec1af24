"""Requests that are late: what made them late, how many may be, and how many can't be avoided.

`promise` counts them by cause, `causes` finds the cause, `objective` weighs them against what was declared,
and `always_on` follows how many would be late if all replicas were always ready.
"""
