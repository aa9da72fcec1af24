"""HTTP/1: reading heads and bodies, carrying one request to a replica and its answer back.

In: a connection and the pool it belongs to. Out: bytes to the replica and to the client. `messages`,
`framing` and `head` are pure: bytes in, values or bytes out. May import: `activator.routing`,
`activator.gate`, `activator.observing`, `activator.net`.
"""
