"""What kopf calls: passes events of the two kinds on to `Updates`."""

from typing import Any

import kopf

from poolkeeper.api.base import CLASSES, GROUP, POOLS, VERSION
from poolkeeper.controller.intake.updates import Updates
from poolkeeper.core.values.identity import PoolKey

registry = kopf.OperatorRegistry()


@kopf.on.login(registry=registry)
async def log_in(memo: kopf.Memo, **_: Any) -> kopf.ConnectionInfo:
    """Give kopf the credentials that all other requests use."""
    connection: kopf.ConnectionInfo = await memo.log_in()
    return connection


@kopf.on.event(GROUP, VERSION, POOLS, registry=registry)
async def pool_changed(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """A pool was listed, added, changed or deleted; one that is being deleted counts as deleted."""
    body = event["object"]
    metadata = body["metadata"]
    updates: Updates = memo.updates
    if event["type"] == "DELETED" or "deletionTimestamp" in metadata:
        updates.pool_gone(PoolKey(metadata["namespace"], metadata["name"]), metadata["uid"])
    else:
        updates.pool_seen(body)


@kopf.on.event(GROUP, VERSION, CLASSES, registry=registry)
async def class_changed(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    name = event["object"]["metadata"]["name"]
    updates: Updates = memo.updates
    if event["type"] == "DELETED":
        updates.class_gone(name)
    else:
        updates.class_seen(name, event["object"])
