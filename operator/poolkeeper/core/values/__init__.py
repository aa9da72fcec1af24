"""What is known at one instant, as plain values: observation, demand, specification, decision.

In: nothing. Out: the frozen types that every other room of the core, and the adapters around it, exchange.
May import: the standard library and `api`.
"""
