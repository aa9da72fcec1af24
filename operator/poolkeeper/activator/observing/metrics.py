"""Prometheus metrics of the activator, per pool."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

WAIT_BUCKETS = (0.05, 0.25, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
POOL = ("namespace", "pool")
PREFIX = "poolkeeper_activator_"


class Metrics:
    """All series of one activator process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.held = self._gauge("held_requests", "Requests that are held at this moment.", POOL)
        self.waited = self._seconds(
            "waited_seconds", "Seconds from a request's arrival until a replica accepted its connection."
        )
        self.cold_start = self._seconds(
            "cold_start_seconds",
            "Seconds from the arrival of a held request until the first byte of the replica's answer.",
        )
        self.released = self._counter("released_requests", "Requests that were sent to a replica.")
        self.refused = self._counter(
            "refused_requests",
            "Requests that the activator answered itself, by cause (docs/http.md).",
            "cause",
        )
        self.gone = self._counter(
            "abandoned_requests",
            "Requests whose client closed its connection before the answer was complete.",
        )
        self.connections = self._gauge("connections", "Open client connections.")
        self.held_bytes = self._gauge("held_bytes", "Bytes of heads and bodies of requests in memory.")

    def _gauge(self, name: str, what: str, labels: Sequence[str] = ()) -> Gauge:
        return Gauge(f"{PREFIX}{name}", what, labels, registry=self.registry)

    def _counter(self, name: str, what: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}{name}", what, (*POOL, *labels), registry=self.registry)

    def _seconds(self, name: str, what: str) -> Histogram:
        return Histogram(f"{PREFIX}{name}", what, POOL, buckets=WAIT_BUCKETS, registry=self.registry)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the gauge of a pool that is gone; counters stay, as rates over them need."""
        self.held.remove(namespace, name)


class PoolMetrics:
    """One pool's series, looked up once."""

    def __init__(self, metrics: Metrics, namespace: str, name: str) -> None:
        self._refused = metrics.refused
        self._labels = (namespace, name)
        self._waited = metrics.waited.labels(*self._labels)
        self._released = metrics.released.labels(*self._labels)
        self.cold_start = metrics.cold_start.labels(*self._labels).observe
        self.abandoned = metrics.gone.labels(*self._labels).inc
        self.held = metrics.held.labels(*self._labels).set

    def released(self, waited_seconds: float) -> None:
        """A replica accepted a request's connection after this wait."""
        self._released.inc()
        self._waited.observe(waited_seconds)

    def refused(self, cause: str) -> None:
        """A request was answered by the activator itself."""
        self._refused.labels(*self._labels, cause).inc()
