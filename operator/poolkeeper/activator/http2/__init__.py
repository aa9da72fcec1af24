"""HTTP/2 without TLS: one client connection is joined to one replica, frames pass unchanged.

In: a connection and the pool it belongs to. Out: bytes to the replica and to the client. May import:
`activator.routing`, `activator.gate`, `activator.net`.
"""
