"""Prometheus metrics of the activator, per pool."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

WAIT_BUCKETS = (0.05, 0.25, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
POOL = ("namespace", "pool")


class Metrics:
    """All series of one activator process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.held = Gauge(
            "poolkeeper_activator_held_requests", "Requests that wait now.", POOL, registry=self.registry
        )
        self.waited = Histogram(
            "poolkeeper_activator_waited_seconds",
            "How long requests waited until a replica took them.",
            POOL,
            buckets=WAIT_BUCKETS,
            registry=self.registry,
        )
        self.cold_start = Histogram(
            "poolkeeper_activator_cold_start_seconds",
            "How long callers whose request was held waited for the first byte of a replica's answer.",
            POOL,
            buckets=WAIT_BUCKETS,
            registry=self.registry,
        )
        self.released = Counter(
            "poolkeeper_activator_released_requests",
            "Requests that a replica took.",
            POOL,
            registry=self.registry,
        )
        self.refused = Counter(
            "poolkeeper_activator_refused_requests",
            "Requests that the activator answered itself, by cause.",
            (*POOL, "cause"),
            registry=self.registry,
        )
        self.gone = Counter(
            "poolkeeper_activator_abandoned_requests",
            "Requests whose client closed its connection before the answer was complete.",
            POOL,
            registry=self.registry,
        )
        self.connections = Gauge(
            "poolkeeper_activator_connections", "Open client connections.", registry=self.registry
        )
        self.held_bytes = Gauge(
            "poolkeeper_activator_held_bytes", "Bytes of requests in memory.", registry=self.registry
        )

    def of_pool(self, namespace: str, name: str) -> "PoolMetrics":
        """The series of one pool."""
        return PoolMetrics(self, namespace, name)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the gauge of a pool that is gone; counters stay, as rates over them need."""
        self.held.remove(namespace, name)


class PoolMetrics:
    """One pool's series, looked up once."""

    def __init__(self, metrics: Metrics, namespace: str, name: str) -> None:
        self._refused = metrics.refused
        self._labels = (namespace, name)
        self._waited = metrics.waited.labels(*self._labels)
        self.cold_start = metrics.cold_start.labels(*self._labels).observe
        self._released = metrics.released.labels(*self._labels)
        self._gone = metrics.gone.labels(*self._labels)
        self.held = metrics.held.labels(*self._labels).set

    def released(self, waited_seconds: float) -> None:
        """A replica took a request after this wait."""
        self._released.inc()
        self._waited.observe(waited_seconds)

    def refused(self, cause: str) -> None:
        """A request was answered by the activator itself."""
        self._refused.labels(*self._labels, cause).inc()

    def abandoned(self) -> None:
        """A client went away."""
        self._gone.inc()
