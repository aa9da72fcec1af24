"""Pods as the watch shows them, for tests about starts."""

from typing import Any

from poolkeeper.kube.watch.pod import Pod


def pod(uid: str, created_at: float, **changes: Any) -> Pod:
    """A pod that is not ready; `changes` are fields of Pod."""
    values: dict[str, Any] = {
        "uid": uid,
        "name": uid,
        "namespace": "ns",
        "labels": {},
        "created_at": created_at,
        "scheduled_at": None,
        "started_at": None,
        "ready_at": None,
        "is_ready": False,
        "is_terminating": False,
        "is_finished": False,
        "failure": "",
    }
    return Pod(**values | changes)


def ready(uid: str, created_at: float, ready_at: float, **changes: Any) -> Pod:
    """A pod that has become ready."""
    return pod(
        uid,
        created_at,
        **{"ready_at": ready_at, "is_ready": True, "scheduled_at": created_at, "has_node": True, **changes},
    )
