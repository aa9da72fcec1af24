"""What `kubectl describe` shows of a pool with a full history: two screens, and no endless line."""

from collections.abc import Iterator
from typing import Any

from poolkeeper.api.status import DECISIONS_KEPT, LEARNED_LENGTH
from poolkeeper.api.timestamps import format_timestamp
from poolkeeper.kube.watch.pod import Pod, project_pod
from tests.component.controller.fake_cluster import FakeCluster

TWO_SCREENS = 148
"""Lines. The declaration takes 32 of them, ten conditions 50, twenty decisions 20, the promise 6, the bill
4."""
LINE_LENGTH = 260
PACKED = ("  learned: ", "    account: ")
"""What only the operator reads."""
METADATA_LINES = 11
"""Name, Namespace, Labels, Annotations, API Version, Kind and Metadata with four lines."""


def ready_pod(number: int, asked_at: float) -> Pod:
    """A pod that waited 2 s for a node, 11 s for its containers and 30 s for the model."""
    scheduled, running, ready = (format_timestamp(asked_at + seconds) for seconds in (2.0, 13.0, 43.0))
    metadata = {
        "uid": f"{number}",
        "name": f"worker-{number}",
        "namespace": "ns",
        "labels": {"app": "worker"},
        "resourceVersion": "1",
        "creationTimestamp": format_timestamp(asked_at),
        "ownerReferences": [{"kind": "ReplicaSet", "name": "worker-1", "controller": True}],
    }
    conditions = [
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": scheduled},
        {"type": "Ready", "status": "True", "lastTransitionTime": ready},
    ]
    containers = [{"state": {"running": {"startedAt": running}}}]
    return project_pod(
        {"metadata": metadata, "status": {"conditions": conditions, "containerStatuses": containers}}
    )


async def trip(cluster: FakeCluster, number: int) -> None:
    """From zero up for three requests, and back to zero."""
    asked_at = cluster.now
    cluster.publish(3)
    await cluster.look()
    cluster.now += 45.0
    cluster.pods.present = {str(number): ready_pod(number, asked_at)}
    cluster.readings.pods_changed("ns", cluster.pods.present)
    for queued in (3, 1, 0):
        cluster.publish(queued, in_flight=1 if queued else 0)
        await cluster.look()
        cluster.now += 2.0
    for _ in range(600):
        cluster.publish(0)
        await cluster.look()
        cluster.now += 2.0
    cluster.pods.present = {}
    cluster.readings.pods_changed("ns", cluster.pods.present)
    cluster.publish(0)
    await cluster.look()


def described(name: str, value: object, depth: int = 0) -> Iterator[str]:
    """An object as `kubectl describe` shows it: fields in order, one line each, lists without marks."""
    indent = "  " * depth
    if not isinstance(value, dict | list):
        yield f"{indent}{name}: {value}"
        return
    yield f"{indent}{name}:"
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            for key, field in sorted(item.items()):
                yield from described(key, field, depth + 1)
        else:
            yield f"{indent}  {item}"


async def test_a_pool_with_twenty_decisions_fits_on_two_screens(cluster: FakeCluster) -> None:
    cluster.scales.replicas["worker"] = 0
    changes: dict[str, Any] = {"coldStart": {"budgetSeconds": 60}, "scaleToZero": {"mode": "Learned"}}
    cluster.declare(**changes)
    for number in range(8):
        await trip(cluster, number)
    pool = cluster.store.get(cluster.declare(**changes))
    assert pool is not None
    assert pool.declaration.spec is not None
    spec = pool.declaration.spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    status = cluster.statuses.written[-1]
    assert len(status["decisions"]) == DECISIONS_KEPT
    assert status["coldStart"]["loadingP95Seconds"] == 30
    assert len(status["learned"]) < LEARNED_LENGTH / 2

    lines = [*described("Spec", spec), *described("Status", status)]
    assert METADATA_LINES + len(lines) <= TWO_SCREENS
    assert max(len(line) for line in lines if not line.startswith(PACKED)) <= LINE_LENGTH
