"""Which pools start alike: the same namespace, class and image of the container that serves."""

from array import array
from typing import Any

import pytest

from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.siblings import starts_of_siblings, waits_of_siblings
from poolkeeper.controller.pool.store import Store
from poolkeeper.controller.pool.surroundings import Surroundings
from poolkeeper.core.learning.starts.admission import Admission
from poolkeeper.core.learning.state import PoolState
from poolkeeper.kube.watch.containers import project_containers
from tests.unit.core.strategies import spec_of, taught

SPEC = spec_of()
TAUGHT = taught(SPEC, (40.0, 150.0))


def pool(
    name: str,
    *,
    namespace: str = "serving",
    class_: str = "l4",
    image: str = "vllm:1",
    state: PoolState = TAUGHT,
) -> Pool:
    declared = {
        "targetRef": {"name": name},
        "accelerator": {"class": class_},
        "replicas": {"min": 0, "max": 1},
        "coldStart": {"budgetSeconds": 60},
        "demand": [{"name": "jobs", "redisList": {"address": "redis:6379", "list": "jobs"}}],
    }
    declared["demand"][0]["maxServiceSeconds"] = 60  # type: ignore[index]
    metadata = {
        "namespace": namespace,
        "name": name,
        "uid": f"{namespace}-{name}",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    found = Pool.first_seen({"metadata": metadata, "spec": declared})
    containers: list[dict[str, Any]] = [{"name": "server", "image": image}] if image else []
    found.surroundings = Surroundings(containers=project_containers({"containers": containers}))
    found.state = state
    return found


def shared_with(*others: Pool, asking: Pool | None = None) -> tuple[float, ...]:
    store, new = Store(), asking or pool("new", state=taught(SPEC, ()))
    for each in (new, *others):
        store.put(each)
    return starts_of_siblings(store, new)


def test_pools_of_the_same_image_and_class_share_their_starts() -> None:
    assert shared_with(pool("old")) == (40.0, 150.0)


@pytest.mark.parametrize(
    "other",
    [
        {"image": "vllm:2"},
        {"class_": "a100"},
        {"namespace": "another-team"},
        {"state": taught(SPEC, ())},
    ],
    ids=["image", "class", "namespace", "no-starts"],
)
def test_another_image_class_or_namespace_says_nothing(other: dict[str, Any]) -> None:
    assert shared_with(pool("old", **other)) == ()


def test_a_pool_with_enough_starts_of_its_own_asks_nobody() -> None:
    assert shared_with(pool("old"), asking=pool("new", state=taught(SPEC, (40.0,) * 10))) == ()


def test_a_pool_whose_image_is_not_known_asks_nobody() -> None:
    assert shared_with(pool("old", image=""), asking=pool("new", image="", state=taught(SPEC, ()))) == ()


def test_pools_of_the_same_class_share_their_waits_whatever_they_load() -> None:
    waits = (array("d"), array("d"), array("d"), array("d", (90.0,)), array("d"))
    waited = TAUGHT._replace(admission=Admission(waits))
    store, new = Store(), pool("new", state=taught(SPEC, ()))
    others = (
        pool("other-image", image="sglang:2", state=waited),
        pool("other-class", class_="a100", state=waited),
        pool("other-tenant", namespace="elsewhere", state=waited),
        pool("never-waited"),
    )
    for each in (new, *others):
        store.put(each)
    assert waits_of_siblings(store, new) == [waited.admission]
