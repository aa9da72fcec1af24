"""The Kubernetes API: reads and writes only. Every decision is made in `core`."""
