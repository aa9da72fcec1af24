"""What the activator records: access log and metrics.

In: finished requests and counts. Out: log lines and Prometheus series. May import: `activator.net`.
"""
