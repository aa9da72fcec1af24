"""Where the sources of a declared pool are read."""

from collections.abc import Sequence
from typing import Any, cast

from poolkeeper.api.demand import DemandSource
from poolkeeper.controller.intake.readings import Readings
from poolkeeper.controller.intake.updates import Updates
from poolkeeper.controller.loop.agenda import Agenda
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.watch.pods import PodWatch


class Reader:
    """Remembers the names of the sources of each pool."""

    def __init__(self) -> None:
        self.assigned: dict[PoolKey, list[str]] = {}

    def assign(self, pool: PoolKey, sources: Sequence[DemandSource]) -> None:
        self.assigned[pool] = [source.name for source in sources]

    def forget(self, pool: PoolKey) -> None:
        del self.assigned[pool]


class Pods:
    """Remembers the followed namespaces."""

    def __init__(self) -> None:
        self.followed: set[str] = set()

    def follow(self, namespaces: set[str]) -> None:
        self.followed = set(namespaces)


def pool(**changes: Any) -> dict[str, Any]:
    metadata = {"namespace": "ns", "name": "chat", "uid": "uid", "generation": 1}
    spec = {
        "targetRef": {"name": "chat"},
        "accelerator": {"class": "cpu"},
        "replicas": {"max": 1},
        "coldStart": {"budgetSeconds": 60},
        "demand": [
            {"name": "jobs", "redisList": {"address": "redis:6379", "list": "jobs"}},
            {"name": "web", "http": {"service": "chat", "port": 80}},
        ],
    }
    return {"metadata": metadata | changes, "spec": spec}


def test_queues_and_services_are_read_by_different_readers_until_the_pool_is_deleted() -> None:
    store, queues, services, pods = Store(), Reader(), Reader(), Pods()
    agenda: Agenda[PoolKey] = Agenda(lambda: 0.0)
    mark = Readings(store, agenda).mark
    updates = Updates(
        store,
        agenda,
        mark,
        queues=queues,
        services=services,
        pods=cast(PodWatch, pods),
        is_leading=lambda: True,
    )
    updates.pool_seen(pool())
    key = PoolKey("ns", "chat")
    assert (queues.assigned, services.assigned) == ({key: ["jobs"]}, {key: ["web"]})
    assert (pods.followed, len(agenda)) == ({"ns"}, 1)
    updates.pool_gone(key, "another-uid")
    assert store.get(key) is not None, "a pool of that name was made again before"
    updates.pool_gone(key, "uid")
    assert (queues.assigned, services.assigned, pods.followed, len(agenda)) == ({}, {}, set(), 0)
