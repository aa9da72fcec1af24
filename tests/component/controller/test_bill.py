"""The bill of a pool: counted from look to look, kept in its status, and held against its budget."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from poolkeeper.controller.reporting.pool_metrics import PoolCollector
from poolkeeper.core.billing.amounts import summed
from tests.component.controller.billed_pool import PRICED, begun, found, pod, shows
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time


async def test_the_bill_follows_the_replica(cluster: FakeCluster) -> None:
    await begun(cluster)
    cluster.now += 40.0
    await shows(cluster, pod("a", cluster.now - 40.0, cluster.now), in_flight=1)
    cluster.now += 20.0
    await shows(cluster, pod("a", cluster.now - 60.0, cluster.now - 20.0))
    cluster.now += 10.0
    await shows(cluster)
    cluster.now += 500.0
    await shows(cluster)
    meter = found(cluster).meter
    assert meter is not None
    seconds = summed(meter.books.total).chip_seconds
    assert (seconds.starting, seconds.busy, seconds.idle, seconds.tail) == (40.0, 20.0, 10.0, 100.0)
    cost = cluster.statuses.written[-1]["cost"]
    assert cost["today"] == (
        "$0.70 for 0.019 accelerator-hours: 0.011 starting, 0.0056 busy, 0.0028 idle; 6 Wh. Counted until "
        "13:47 UTC; from then on, 1 node tail until 13:49 UTC cost $36.00 an hour"
    )


async def test_while_nothing_changes_the_bill_goes_on_and_nothing_is_written(cluster: FakeCluster) -> None:
    await begun(cluster, replicas={"min": 1, "max": 2})
    cluster.now += 40.0
    ready = pod("a", cluster.now - 40.0, cluster.now)
    for _ in range(100):
        await shows(cluster, ready)
        cluster.now += 5.0
    written = len(cluster.statuses.written)
    for _ in range(720):
        await shows(cluster, ready)
        cluster.now += 5.0
    assert len(cluster.statuses.written) == written
    assert metric(cluster, "idle") == pytest.approx(820 * 5.0, abs=1.0)


def metric(cluster: FakeCluster, state: str, name: str = "poolkeeper_accelerator_seconds_total") -> float:
    """What a scrape shows now."""
    registry = CollectorRegistry()
    registry.register(PoolCollector(cluster.store.all, lambda: True, lambda: 0, cluster.clock))
    labels = {"namespace": "ns", "pool": "pool", "class": "cpu", "state": state}
    return registry.get_sample_value(name, labels) or 0.0


async def test_an_operator_that_restarts_goes_on_with_the_bill(cluster: FakeCluster) -> None:
    await begun(cluster)
    cluster.now += 40.0
    ready = pod("a", cluster.now - 40.0, cluster.now)
    await shows(cluster, ready, in_flight=1)
    cluster.now += 61.0
    await shows(cluster, ready, in_flight=2)
    other = FakeCluster()
    other.now = cluster.now + 100.0
    other.scales = cluster.scales
    other.store.classes["cpu"] = PRICED
    other.declare(status=cluster.statuses.written[-1])
    await shows(other, ready, in_flight=1)
    other.now += 10.0
    assert metric(other, "starting") == pytest.approx(40.0)
    assert metric(other, "busy") == pytest.approx(61.0 + 100.0 + 10.0)
    assert metric(other, "busy", "poolkeeper_cost_dollars_total") == pytest.approx(1.71)


BUDGET = {"dollarsPerDay": "1", "action": "Cap"}


async def test_a_budget_warns_before_and_after_it_is_spent(cluster: FakeCluster) -> None:
    await begun(cluster, budget={"dollarsPerDay": "1"})
    assert cluster.condition("WithinBudget") == ("True", "BudgetLasts")
    ready = pod("a", cluster.now, cluster.now + 1)
    for _ in range(12):
        cluster.now += 10.0
        await shows(cluster, ready, queued=1, in_flight=1)
    reasons = [reason for _, reason in cluster.events]
    assert reasons.index("MostlySpent") < reasons.index("BudgetSpent")
    assert cluster.condition("WithinBudget") == ("False", "BudgetSpent")
    assert cluster.condition("WithinLimits")[1] != "BudgetSpent"


async def test_a_spent_budget_stops_idle_replicas_and_starts_none(cluster: FakeCluster) -> None:
    await begun(cluster, budget=BUDGET, replicas={"min": 1, "max": 2})
    ready = pod("a", cluster.now, cluster.now + 1)
    for _ in range(12):
        cluster.now += 10.0
        await shows(cluster, ready, in_flight=1)
    assert cluster.scales.replicas["worker"] == 1
    for _ in range(20):
        cluster.now += 1.0
        await shows(cluster, ready)
    assert cluster.scales.replicas["worker"] == 0
    for _ in range(3):
        cluster.now += 1.0
        await shows(cluster, queued=5)
    assert cluster.scales.replicas["worker"] == 0
    assert cluster.condition("WithinLimits") == ("False", "BudgetSpent")
    decision = found(cluster).decision
    assert decision is not None
    assert "the spent budget of $1 for the day until 00:00 UTC" in decision.message
    assert decision.reason == "AtCeiling"


async def test_the_next_day_the_pool_starts_again(cluster: FakeCluster) -> None:
    await test_a_spent_budget_stops_idle_replicas_and_starts_none(cluster)
    pool = found(cluster)
    assert pool.meter is not None
    assert pool.quiet_until <= pool.meter.day.ends_at
    cluster.now = pool.meter.day.ends_at + 1.0
    await shows(cluster, queued=5)
    assert cluster.scales.replicas["worker"] == 1
    assert cluster.condition("WithinBudget") == ("True", "BudgetLasts")


async def test_a_pool_without_a_price_is_not_stopped_by_a_budget(cluster: FakeCluster) -> None:
    await begun(cluster, budget=BUDGET)
    cluster.store.classes["cpu"] = PRICED.model_copy(update={"dollars_per_chip_hour": None})
    cluster.now += 1000.0
    await shows(cluster, pod("a", cluster.now, cluster.now), in_flight=1)
    assert cluster.condition("WithinBudget")[1] in ("PriceUnknown", "BudgetSpent")


async def test_savings_and_losses_are_shown_alike(cluster: FakeCluster) -> None:
    await test_the_bill_follows_the_replica(cluster)
    cluster.now += 3600.0
    await shows(cluster)
    registry = CollectorRegistry()
    registry.register(PoolCollector(cluster.store.all, lambda: True, lambda: 0, cluster.clock))
    saved = {
        against: registry.get_sample_value(
            "poolkeeper_saved_dollars", {"namespace": "ns", "pool": "pool", "against": against}
        )
        for against in ("always-on", "keda", "knative")
    }
    assert saved["always-on"] == pytest.approx(2 * 0.01 * (570.0 + 3600.0) - 1.70, abs=0.02)
    assert saved["keda"] is not None
    assert saved["keda"] > 0.5
    assert saved["knative"] is not None


@pytest.mark.parametrize("amount", ["lots", "1e3", "-1", "1.1234567"])
async def test_an_amount_that_another_version_let_pass_is_no_budget(
    cluster: FakeCluster, amount: str
) -> None:
    await begun(cluster, budget={"dollarsPerDay": amount, "action": "Cap"})
    assert cluster.condition("WithinBudget")[0] == "Unknown"
    assert cluster.condition("Ready")[0] == "True"


async def test_a_part_of_a_chip_follows_the_price_of_the_whole_one_from_the_moment_it_is_set(
    cluster: FakeCluster,
) -> None:
    """Example: half of a chip for $36 an hour, which costs $72 from some moment on."""
    cluster.updates.class_seen("whole", {"spec": _class(dollarsPerChipHour="36")})
    half = {"class": "whole", "kind": "TimeSliced", "partsPerChip": 2}
    cluster.updates.class_seen("half", {"spec": _class(partOf=half)})
    cluster.scales.replicas["worker"] = 1
    cluster.declare(accelerator={"class": "half"})
    cluster.containers = [{"name": "server", "resources": {"limits": {"vendor.com/chip": "1"}}}]
    await cluster.look()
    start = cluster.now
    await shows(cluster, pod("a", start, start), in_flight=1)
    cluster.now += 100.0
    news = found(cluster).news
    cluster.updates.class_seen("whole", {"spec": _class(dollarsPerChipHour="72")})
    assert found(cluster).news > news
    await cluster.look()
    cluster.now += 100.0
    await shows(cluster, pod("a", start, start), in_flight=1)
    meter = found(cluster).meter
    assert meter is not None
    assert summed(meter.books.total).micro_dollars.busy == pytest.approx((0.5 + 1.0) * 1e6)


def _class(**spec: Any) -> dict[str, Any]:
    return {
        "vendor": "V",
        "displayName": "Chip",
        "resourceName": "vendor.com/chip",
        "nodeTailSeconds": 0,
        **spec,
    }


async def test_an_older_pool_that_is_not_followed_takes_no_bill(cluster: FakeCluster) -> None:
    cluster.declare("a-first", accelerator={"class": "unknown"})
    await cluster.look("a-first")
    await begun(cluster)
    cluster.now += 10.0
    await shows(cluster, pod("a", cluster.now - 10.0, cluster.now))
    meter = found(cluster).meter
    assert meter is not None
    assert summed(meter.books.total).chip_seconds.starting == 10.0
