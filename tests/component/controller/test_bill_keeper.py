"""Hours that are over are kept in ConfigMaps, over failures, restarts and the end of the pool."""

import pytest

from poolkeeper.controller.billing.keeper import BillKeeper
from poolkeeper.core.billing.pages import Page, from_text
from poolkeeper.kube.objects.config_maps import Kept
from poolkeeper.kube.transport.errors import ApiError
from tests.component.controller.billed_pool import KEY, begun, found, pod, shows
from tests.component.controller.fake_cluster import FakeCluster

pytestmark = pytest.mark.virtual_time


class Maps:
    """ConfigMaps in memory; the next request fails with `failure`."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.requests: list[str] = []
        self.failure: ApiError | None = None

    async def read(self, name: str) -> Kept | None:
        self._note(f"get {name}")
        return self.kept.get(name)

    async def write(self, name: str, kept: Kept) -> None:
        self._note(f"put {name}")
        self.kept[name] = kept._replace(version="1")

    def _note(self, request: str) -> None:
        self.requests.append(request)
        if self.failure is not None:
            raise self.failure

    def page(self) -> Page:
        """The only page."""
        (kept,) = self.kept.values()
        (text,) = kept.texts.values()
        page = from_text(text)
        assert page is not None
        return page


def keeper(cluster: FakeCluster, maps: Maps) -> BillKeeper:
    made = BillKeeper(maps, cluster.store, cluster.lease, cluster.clock, name="poolkeeper-bill")
    cluster.updates._gone = made.gone
    return made


async def running(cluster: FakeCluster) -> None:
    """A replica that serves since 12 minutes before a full hour, and keeps serving."""
    cluster.now = 1_000_800.0 - 720.0
    await begun(cluster)
    await shows(cluster, pod("a", cluster.now, cluster.now), in_flight=1)


async def test_an_hour_that_is_over_is_kept(cluster: FakeCluster) -> None:
    maps = Maps()
    bills = keeper(cluster, maps)
    await running(cluster)
    await bills.book()
    assert maps.requests == []
    cluster.now += 720.0 + 30.0
    await bills.book()
    page = maps.page()
    assert (page.namespace, page.name, page.is_gone, page.most) == ("ns", "pool", False, 2)
    assert [round(row.amounts.busy) for row in page.hours] == [720]
    assert maps.requests == ["get poolkeeper-bill-200", "put poolkeeper-bill-200"]
    await bills.book()
    assert len(maps.requests) == 2
    cluster.now += 3600.0
    await bills.book()
    assert [round(row.amounts.busy) for row in maps.page().hours] == [720, 3600]


async def test_a_deleted_pool_stays_billed(cluster: FakeCluster) -> None:
    maps = Maps()
    bills = keeper(cluster, maps)
    await running(cluster)
    cluster.now += 100.0
    cluster.updates.pool_gone(KEY, "uid-pool")
    await bills.book()
    page = maps.page()
    assert page.is_gone
    assert page.until == cluster.now
    assert [round(row.amounts.busy) for row in page.hours] == [100]
    await bills.book()
    assert len(maps.requests) == 2


async def test_without_the_right_all_goes_on_and_the_pool_says_what_is_missing(cluster: FakeCluster) -> None:
    maps = Maps()
    bills = keeper(cluster, maps)
    await running(cluster)
    cluster.now += 4000.0
    maps.failure = ApiError(403, "Forbidden", "no")
    await bills.book()
    cluster.publish(3, in_flight=1)
    await cluster.look()
    assert cluster.condition("BillKept") == ("False", "BillForbidden")
    assert cluster.scales.writes
    maps.failure = None
    await bills.book()
    cluster.publish(2, in_flight=1)
    cluster.now += 1.0
    await cluster.look()
    assert "BillKept" not in found(cluster).history.conditions
    assert len(maps.page().hours) == 1


async def test_a_damaged_config_map_costs_what_was_in_it_and_nothing_else(cluster: FakeCluster) -> None:
    maps = Maps()
    bills = keeper(cluster, maps)
    await running(cluster)
    maps.kept["poolkeeper-bill-200"] = Kept({"uid-pool": "1:not a page", "other": "\0" * 10_000}, "7")
    cluster.now += 4000.0
    await bills.book()
    assert list(maps.kept["poolkeeper-bill-200"].texts) == ["uid-pool"]
    assert len(maps.page().hours) == 1


async def test_only_the_leader_writes(cluster: FakeCluster) -> None:
    maps = Maps()
    bills = keeper(cluster, maps)
    await running(cluster)
    cluster.now += 4000.0
    cluster.lease.is_held = False
    await bills.book()
    assert maps.kept == {}


async def test_pools_at_zero_cause_no_request(cluster: FakeCluster) -> None:
    maps = Maps()
    bills = keeper(cluster, maps)
    cluster.scales.replicas["worker"] = 0
    cluster.declare()
    for _ in range(100):
        await shows(cluster)
        cluster.now += 3600.0
        await bills.book()
    assert maps.requests == []


async def test_what_another_version_has_written_stays(cluster: FakeCluster) -> None:
    """Example: an operator is rolled back for a day."""
    maps = Maps()
    bills = keeper(cluster, maps)
    await running(cluster)
    maps.kept["poolkeeper-bill-200"] = Kept({"other": "2:eJyr", "damaged": "no page"}, "7")
    cluster.now += 4000.0
    await bills.book()
    assert maps.kept["poolkeeper-bill-200"].texts.keys() == {"uid-pool", "other"}
    assert maps.kept["poolkeeper-bill-200"].texts["other"] == "2:eJyr"
