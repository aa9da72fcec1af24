"""What the activator records: access log, metrics, JSON log lines.

In: finished requests and counts. Out: log lines and Prometheus series. May import: `activator.net`.
"""
