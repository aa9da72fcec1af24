"""The metrics of quotas, made from the books when Prometheus asks."""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.controller.quota.report import name_of_measure
from poolkeeper.core.quota.books import Books
from poolkeeper.core.quota.quota import Measure, Unit

MICRO = 1_000_000


class QuotaCollector(Collector):
    """Makes the series of all quotas. Only the leader shows them, since only it knows what is reserved."""

    def __init__(self, quotas: Quotas, is_leading: Callable[[], bool]) -> None:
        self._quotas = quotas
        self._is_leading = is_leading

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All families."""
        books = list(self._quotas.bank.books.values()) if self._is_leading() else []
        labels = ("quota", "measure")
        limit = GaugeMetricFamily("poolkeeper_quota_limit", "The limit of a quota.", labels=labels)
        used = GaugeMetricFamily(
            "poolkeeper_quota_used", "What its pools use, with what starts and what ends.", labels=labels
        )
        share = GaugeMetricFamily(
            "poolkeeper_quota_share_used",
            "What the pools of a share use.",
            labels=("quota", "share", "measure"),
        )
        waiting = GaugeMetricFamily(
            "poolkeeper_quota_waiting_pools",
            "Pools that need more replicas than they have.",
            labels=("quota",),
        )
        for each in books:
            _add(each, limit, used, share)
            waiting.add_metric((each.quota.name,), len(each.waiting))
        yield from (limit, used, share, waiting)


def _add(books: Books, limit: GaugeMetricFamily, used: GaugeMetricFamily, share: GaugeMetricFamily) -> None:
    quota = books.quota
    for index, measure in enumerate(quota.measures):
        labels = (quota.name, name_of_measure(measure))
        limit.add_metric(labels, _value(measure, quota.limits[index]))
        used.add_metric(labels, _value(measure, books.used[index]))
        for declared, amounts in zip(quota.shares, books.by_share, strict=True):
            if declared.name:
                share.add_metric((quota.name, declared.name, labels[1]), _value(measure, amounts[index]))


def _value(measure: Measure, amount: int) -> float:
    return amount / MICRO if measure.unit is Unit.MICRO_DOLLARS else float(amount)
