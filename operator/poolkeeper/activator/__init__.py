"""The process that holds HTTP requests while a pool is at zero, and releases them as replicas become ready.

`server` listens on one port per Service port and hands each connection to `http1` or `http2`. Both visit the
pool's gate (`routing.visit`, `gate`), where requests wait in fair order for a slot of a replica. Then they
carry the request, or the whole connection, to that replica. `control` takes routing tables from the
controller, `reports` sends it reports. Nothing here talks to Kubernetes. May import: `api`, `logs`.
"""
