"""The bill as metrics: seconds of chips, dollars and watt-hours by class and state."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from poolkeeper.controller.billing.metering import fleet, today
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.billing.amounts import HOUR, MICRO, STATES, summed
from poolkeeper.core.billing.meter import projected

POOL = ("namespace", "pool", "against")
LABELS = ("namespace", "pool", "class", "state")


def cost_families(pools: list[Pool], now: float) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    """Counted up to now, also while nothing changes. What is not known has no series."""
    meaning = "Seconds that replicas held accelerators, times the chips that they held."
    seconds = CounterMetricFamily("poolkeeper_accelerator_seconds", meaning, labels=LABELS)
    meaning = "What these seconds cost by the price of the class, in US dollars."
    dollars = CounterMetricFamily("poolkeeper_cost_dollars", meaning, labels=LABELS)
    meaning = "What these seconds take by the design power of the class, in watt-hours."
    energy = CounterMetricFamily("poolkeeper_energy_watt_hours", meaning, labels=LABELS)
    for pool in pools:
        for name, counted in _by_class(pool, now).items():
            for state, amounts in counted.items():
                for family, amount in zip((seconds, dollars, energy), amounts, strict=True):
                    if amount:
                        family.add_metric((*pool.key, name, state), amount)
    yield from (seconds, dollars, energy)
    yield from _saved(pools, now)


def _saved(pools: list[Pool], now: float) -> Iterator[GaugeMetricFamily]:
    """Gauges, since a loss makes them fall."""
    meaning = "Seconds of chips that others would have been paid for, less those that were paid for."
    seconds = GaugeMetricFamily("poolkeeper_saved_accelerator_seconds", meaning, labels=POOL)
    meaning = "The same in US dollars; absent while a price is not known."
    dollars = GaugeMetricFamily("poolkeeper_saved_dollars", meaning, labels=POOL)
    for pool in pools:
        meter = pool.meter
        if meter is None or not meter.books.total:
            continue
        meter = projected(meter, now, today(pool, now))
        sums, always_on = summed(meter.books.total), fleet(pool, now - meter.first_at)
        chips, micro = sums.chip_seconds, sums.micro_dollars
        others = (
            ("always-on", always_on.chip_seconds, always_on.micro_dollars),
            ("keda", chips.keda, micro.keda),
            ("knative", chips.knative, micro.knative),
        )
        for name, other_seconds, other_dollars in others:
            if other_seconds is not None and not sums.unsized:
                seconds.add_metric((*pool.key, name), other_seconds - chips.paid)
            if other_dollars is not None and sums.dollars_are_known:
                dollars.add_metric((*pool.key, name), (other_dollars - micro.paid) / MICRO)
    yield from (seconds, dollars)


def _by_class(pool: Pool, now: float) -> dict[str, dict[str, list[float]]]:
    """Chip-seconds, dollars and watt-hours by class and state; of several prices of a class the sum."""
    found: dict[str, dict[str, list[float]]] = {}
    meter = pool.meter
    if meter is None:
        return found
    for row in projected(meter, now, today(pool, now)).books.total:
        unit, amounts = row.unit, row.amounts
        states = found.setdefault(unit.accelerator_class, {})
        for state in STATES:
            chips = (unit.chips or 0) * getattr(amounts, state)
            sums = states.setdefault(state, [0.0, 0.0, 0.0])
            sums[0] += chips
            sums[1] += chips * (unit.micro_dollars_per_hour or 0) / HOUR / MICRO
            sums[2] += chips * (unit.watts or 0) / HOUR
    return found
