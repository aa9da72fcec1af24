"""The Kubernetes API: reads and writes, and nothing that decides."""
