"""The HTTP front that holds requests while a pool is at zero and lets them go as replicas become ready.

`server` listens on one port per Service port and hands connections to `session` (HTTP/1.1) or `h2_session`
(HTTP/2 without TLS). Both ask the pool's `gate` for a replica: it keeps a fair queue and the replicas' slots.
`exchange` and `splice` then carry one request, or one whole connection, to that replica. `control` is the
channel from and to the controller; nothing here talks to Kubernetes.
"""
