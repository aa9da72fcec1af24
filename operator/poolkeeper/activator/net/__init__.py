"""Connections, their limits, and what a refused client is answered.

In: sockets. Out: buffered reads and writes that count what they hold. May import: nothing else of the
activator.
"""
