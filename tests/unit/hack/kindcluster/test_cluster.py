import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hack.kindcluster.cluster import host_ports, kind_configuration, labelled_images, pods_not_ready

STARTED = datetime(2026, 1, 1, 12, 0, 0, 700_000, tzinfo=UTC)


def test_the_default_cluster_has_the_ports_of_its_node() -> None:
    assert host_ports("poolkeeper") == range(30080, 30090)


@pytest.mark.parametrize("name", ["a", "e2e", "poolkeeper-2"])
def test_another_cluster_always_has_the_same_ports_of_its_own(name: str) -> None:
    ports = host_ports(name)

    assert ports == host_ports(name)
    assert len(ports) == 10
    assert ports[0] >= 31000
    assert ports[-1] < 32000


@pytest.mark.parametrize(
    ("own_image", "missing", "gates", "proxy_mode"),
    [
        (False, frozenset[str](), None, None),
        (True, frozenset({"CAP_SYS_RESOURCE"}), {"KubeletInUserNamespace": True}, "nftables"),
    ],
)
def test_the_node_is_configured_for_its_machine(
    own_image: bool, missing: frozenset[str], gates: dict[str, bool] | None, proxy_mode: str | None
) -> None:
    configuration: Any = kind_configuration("x", own_image=own_image, missing_capabilities=missing)
    (patch,) = map(json.loads, configuration["kubeadmConfigPatches"])
    (node,) = configuration["nodes"]

    assert patch["failCgroupV1"] is False
    assert gates == patch.get("featureGates")
    assert proxy_mode == configuration["networking"].get("kubeProxyMode")
    assert {"127.0.0.1"} == {mapping["listenAddress"] for mapping in node["extraPortMappings"]}


def test_labels_of_the_nodes_images_are_read_from_ctr() -> None:
    listing = (
        "REF                             TYPE    DIGEST      SIZE      PLATF LABELS\n"
        "registry/poolkeeper/worker:dev  app/x   sha256:aa   118 MiB   linux a=b,poolkeeper.source=1f,c=d\n"
        "registry/poolkeeper/redis:dev   app/x   sha256:bb   118 MiB   linux a=b\n"
    )

    assert labelled_images(listing, "poolkeeper.source") == {"poolkeeper/worker:dev": "1f"}


def pod(
    *, ready: bool = True, started_at: str = "2026-01-01T12:00:00Z", state: str = "running"
) -> dict[str, Any]:
    container = {"ready": ready, "state": {state: {"startedAt": started_at}}}
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": [container]}}


@pytest.mark.parametrize(
    ("given", "waiting"),
    [
        (pod(), []),
        (pod(ready=False), ["p"]),
        (pod(started_at="2026-01-01T11:59:59Z"), ["p"]),
        (pod(state="waiting"), ["p"]),
        ({"metadata": {"name": "p"}, "status": {}}, ["p"]),
    ],
    ids=["ready", "not ready", "ready, but that was before the restart", "not running", "not started"],
)
def test_a_pod_counts_once_it_is_ready_since_the_node_started(
    given: dict[str, Any], waiting: list[str]
) -> None:
    assert waiting == pods_not_ready([given], STARTED)
