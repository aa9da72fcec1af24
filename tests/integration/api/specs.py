"""The smallest specs that are accepted, and how a test changes them."""

from copy import deepcopy
from typing import Any

from hack.testing.objects import SMALLEST_POOL

Spec = dict[str, Any]

REMOVED = object()
LIST: Spec = {"address": "redis.serving.svc:6379", "list": "jobs", "processingList": "taken"}
WINDOW: Spec = {"name": "office", "start": "0 8 * * MON-FRI", "end": "0 18 * * MON-FRI"}
PRICE: Spec = {"name": "g6.xlarge", "amount": "0.80", "source": "a list", "date": "2026-07-20"}
HTTP: Spec = {"service": "chat", "port": 80}
POOL: Spec = SMALLEST_POOL
STREAM: Spec = POOL["demand"][0]["redisStream"]
CLASS: Spec = {"vendor": "NVIDIA", "displayName": "NVIDIA L4"}


def changed(spec: Spec, changes: Spec) -> Spec:
    """A copy of a spec in which the fields at dotted paths are set, or taken away (REMOVED)."""
    result = deepcopy(spec)
    for path, value in changes.items():
        *parents, last = path.split(".")
        at = result
        for parent in parents:
            at = at.setdefault(parent, {})
        if value is REMOVED:
            del at[last]
        else:
            at[last] = value
    return result


def pool(changes: Spec) -> Spec:
    return changed(POOL, changes)


def waits_on(source: Spec) -> Spec:
    """A pool with one source of demand."""
    return pool({"demand": [{"name": "jobs", **source}]})


def http_with(changes: Spec) -> Spec:
    """A pool that holds requests of a Service with these changes."""
    return waits_on({"http": changed(HTTP, changes)})


def list_with(changes: Spec) -> Spec:
    """A pool that waits on a Redis list with these changes."""
    return waits_on({"redisList": changed(LIST, changes)})
