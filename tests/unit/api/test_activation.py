"""Controllers and activators of two releases understand each other."""

from typing import Any

import pytest

from poolkeeper.api.activation import PoolReport, PoolRoute, PortRoute, Report, RoutingTable

ROUTE = PoolRoute(
    namespace="ns",
    name="chat",
    ports=(PortRoute(service="chat", listen_port=20_000, backend_port=8000),),
    redirects_to_pods=True,
    hold_seconds=60,
)


def test_names_of_earlier_releases_are_sent() -> None:
    table = RoutingTable(table_version=7, pools=(ROUTE,)).model_dump(by_alias=True)
    assert table["issue"] == 7
    assert table["pools"][0]["leavesPath"] is True
    assert Report(activator="one", table_version=7).model_dump(by_alias=True)["issue"] == 7


@pytest.mark.parametrize(("table", "route"), [("issue", "leavesPath"), ("tableVersion", "redirectsToPods")])
def test_names_of_both_are_read(table: str, route: str) -> None:
    raw: dict[str, Any] = ROUTE.model_dump(by_alias=True)
    del raw["leavesPath"]
    read = RoutingTable.model_validate({table: 7, "pools": [{**raw, route: True}]})
    assert (read.table_version, read.pools[0].redirects_to_pods) == (7, True)
    assert Report.model_validate({"activator": "one", table: 7}).table_version == 7


def test_what_an_earlier_release_does_not_send_is_not_known() -> None:
    """Its activators try no pods, so they are not waited for; its tables name no pod that should be tried."""
    raw: dict[str, Any] = ROUTE.model_dump(by_alias=True)
    del raw["unprobed"]
    assert PoolRoute.model_validate(raw).unprobed == ()
    report = PoolReport(namespace="ns", name="chat", at_replicas={}, accepting=()).model_dump(by_alias=True)
    assert PoolReport.model_validate(report).accepting == ()
    del report["accepting"]
    assert PoolReport.model_validate(report).accepting is None
