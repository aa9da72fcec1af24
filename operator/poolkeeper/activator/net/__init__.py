"""Connections, their limits, and why a request is refused.

In: sockets. Out: buffered reads and writes that count what they hold. May import: nothing else of the
activator.
"""
