"""The metrics of pools, made from the store when Prometheus asks."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.reporting.cost_metrics import cost_families
from poolkeeper.controller.reporting.held import held
from poolkeeper.controller.reporting.promise import waiting_late
from poolkeeper.core.learning.lateness.promise import ADMISSION_FIELDS, Late
from poolkeeper.core.values.observation import Reading

POOL = ("namespace", "pool")


class PoolCollector(Collector):
    """Makes the series of all pools from the store at each scrape.

    Only the leader shows series of pools, so that a sum over the operator's replicas counts nothing twice.
    """

    def __init__(
        self,
        pools: Callable[[], Iterable[Pool]],
        is_leading: Callable[[], bool],
        waiting: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        self._pools = pools
        self._is_leading = is_leading
        self._waiting = waiting
        self._clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        """All families, those of pools last."""
        is_leading = self._is_leading()
        pools = list(self._pools())
        yield GaugeMetricFamily(
            "poolkeeper_leader",
            "1 on the replica of the operator that leads and writes.",
            value=float(is_leading),
        )
        yield GaugeMetricFamily("poolkeeper_pools", "Pools that exist.", value=len(pools))
        yield GaugeMetricFamily(
            "poolkeeper_pools_waiting", "Pools that wait for a decision.", value=self._waiting()
        )
        shown = pools if is_leading else []
        for families in (_replicas, _requests, _conditions, _starts, _counts):
            yield from families(shown)
        yield from _promise(shown, self._clock())
        yield from cost_families(shown, self._clock())


def _replicas(pools: list[Pool]) -> Iterator[GaugeMetricFamily]:
    family = _gauge("poolkeeper_pool_replicas", "Replicas of the target by state.", "state")
    for pool in pools:
        replicas = pool.observation.replicas if pool.observation else None
        if replicas:
            family.add_metric((*pool.key, "desired"), replicas.desired)
            family.add_metric((*pool.key, "ready"), replicas.ready)
            family.add_metric((*pool.key, "starting"), len(replicas.starting))
            family.add_metric((*pool.key, "terminating"), replicas.terminating)
    yield family


def _requests(pools: list[Pool]) -> Iterator[GaugeMetricFamily]:
    meaning = "Requests by state, per source; absent while the source is unknown."
    family = _gauge("poolkeeper_pool_requests", meaning, "source", "state")
    for pool in pools:
        for reading in pool.observation.demand if pool.observation else ():
            if isinstance(reading, Reading):
                family.add_metric((*pool.key, reading.source, "queued"), reading.queued)
                family.add_metric((*pool.key, reading.source, "orphaned"), reading.orphaned)
                if reading.in_flight is not None:
                    family.add_metric((*pool.key, reading.source, "in_flight"), reading.in_flight)
    yield family


def _conditions(pools: list[Pool]) -> Iterator[GaugeMetricFamily]:
    meaning = "1 for the present status of the condition."
    family = _gauge("poolkeeper_pool_condition", meaning, "type", "status")
    for pool in pools:
        for condition in list(pool.history.conditions.values()):
            family.add_metric((*pool.key, condition.type, condition.status.value), 1)
    yield family


def _starts(pools: list[Pool]) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
    meaning = "Learned time from the scale write until a replica is ready."
    seconds = _gauge("poolkeeper_pool_cold_start_seconds", meaning, "quantile")
    starts = _counter("poolkeeper_pool_cold_starts", "Starts that were measured.", "outcome")
    meaning = "Last waits of replicas to be admitted, by what held them; no part of a start."
    waits = _gauge("poolkeeper_pool_admission_seconds", meaning, "cause", "quantile")
    budget = _gauge("poolkeeper_pool_budget_seconds", "Longest promised wait.")
    for pool in pools:
        if pool.resolved:
            budget.add_metric(pool.key, pool.resolved.budget_seconds)
        if pool.state:
            learned = pool.state.starts
            starts.add_metric((*pool.key, "ready"), learned.samples)
            starts.add_metric((*pool.key, "failed"), learned.failures)
            if learned.samples:
                seconds.add_metric((*pool.key, "0.5"), learned.p50_seconds)
                seconds.add_metric((*pool.key, "0.95"), learned.p95_seconds)
            for each in held(pool.state.admission):
                cause = ADMISSION_FIELDS[each.cause]
                waits.add_metric((*pool.key, cause, "0.5"), each.p50_seconds)
                waits.add_metric((*pool.key, cause, "0.95"), each.p95_seconds)
    yield from (seconds, starts, waits, budget)


def _promise(pools: list[Pool], now: float) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
    taken = _counter("poolkeeper_pool_requests_taken", "Requests that were taken; a lower bound.")
    meaning = "Requests that were taken later than the budget, by what made them late."
    late = _counter("poolkeeper_pool_requests_late", meaning, "cause")
    meaning = "Requests that wait longer than the budget already, by what keeps them."
    still = _gauge("poolkeeper_pool_requests_waiting_late", meaning, "cause")
    meaning = "Share of requests that should be taken within the budget."
    objective = _gauge("poolkeeper_pool_objective_ratio", meaning)
    for pool in pools:
        if pool.resolved is None or pool.state is None:
            continue
        objective.add_metric(pool.key, 1.0 - pool.resolved.allowed_share)
        total, waiting = pool.state.promise.total, waiting_late(pool, now)
        taken.add_metric(pool.key, total.taken)
        for cause in Late._fields:
            late.add_metric((*pool.key, cause), getattr(total.late, cause))
            still.add_metric((*pool.key, cause), getattr(waiting, cause))
    yield from (taken, late, still, objective)


def _counts(pools: list[Pool]) -> Iterator[CounterMetricFamily]:
    decided = _counter("poolkeeper_pool_decisions", "Decisions by reason.", "reason")
    writes = _counter("poolkeeper_pool_scale_writes", "Scale writes by direction.", "direction")
    for pool in pools:
        for reason, count in list(pool.decided.items()):
            decided.add_metric((*pool.key, str(reason)), count)
        for direction, count in list(pool.writes.items()):
            writes.add_metric((*pool.key, direction), count)
    yield from (decided, writes)


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=(*POOL, *labels))


def _counter(name: str, meaning: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, meaning, labels=(*POOL, *labels))
