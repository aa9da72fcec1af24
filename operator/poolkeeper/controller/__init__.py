"""The operator's process: what it watches, decides, writes and reports.

`app.py` makes every part and connects them; read it first. In: objects from `kube`, samples from `sources`.
Out: writes of replicas, endpoints, status and events. May import: `kube`, `sources`, `core`, `api`.
"""
