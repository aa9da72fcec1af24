"""A fleet of accelerators that exists on paper: a real API server, scheduler and controllers, nodes shaped as
clouds make them, and stand-ins for what runs beside a model server in a cluster (LeaderWorkerSet, a DRA
driver, Kueue, an autoscaler). `scene.py` is where a test begins; docs/development.md has an example.
"""
