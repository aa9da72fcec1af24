"""What a turn of the front sees, with defaults: one idle pool `chat`, one replica, activators that listen."""

from typing import Any

from poolkeeper.api.activation import PoolReport, Report, WaitingRequests
from poolkeeper.api.demand import Http
from poolkeeper.core.front.seen import Seen, SeenActivator, SeenPod, SeenPool, SeenService
from poolkeeper.core.front.slices import ActivatorSlice, SliceName
from poolkeeper.core.values.identity import PoolKey

CHAT = PoolKey("ns", "chat")
POD = SeenPod("pod-1", "10.1.0.1")
UNPROBED = SeenPod("pod-1", "10.1.0.1", is_probed=False)
SERVICE = SeenService(families=("IPv4",), port_name="web", backend_port=8000)


def seen_pool(*, service_name: str = "chat", port: int = 80, **changes: Any) -> SeenPool:
    """An idle pool with one replica that should be at zero."""
    values: dict[str, Any] = {
        "uid": "uid-chat",
        "created_at": "2026-01-01T00:00:00Z",
        "http": Http(service=service_name, port=port),
        "concurrency": 8,
        "hold_seconds": 60,
        "service": SERVICE,
        "wants_zero": True,
        "ready": (POD,),
    }
    return SeenPool(**values | changes)


def pool_report(
    key: PoolKey = CHAT,
    *,
    waiting: int = 0,
    in_flight: int = 0,
    accepting: tuple[str, ...] | None = None,
) -> PoolReport:
    """What an activator reports about a pool."""
    return PoolReport(
        namespace=key.namespace,
        name=key.name,
        waiting=(WaitingRequests(age_seconds=1.0, requests=waiting),) if waiting else (),
        in_flight=in_flight,
        at_replicas={POD.address: in_flight} if in_flight else {},
        accepting=accepting,
    )


def seen_activator(
    number: int = 1,
    *,
    version: int = 0,
    pools: tuple[PoolReport, ...] = (),
    process: str = "1",
    is_silent: bool = False,
    unbound_ports: tuple[int, ...] = (),
    is_stopping: bool = False,
    **changes: Any,
) -> SeenActivator:
    """An activator that reports to use this version of a table."""
    report = Report(
        activator=f"activator-{number}/{process}",
        table_version=version,
        unbound_ports=unbound_ports,
        is_stopping=is_stopping,
        pools=pools,
    )
    return SeenActivator(
        uid=f"activator-{number}",
        addresses=(f"10.9.0.{number}",),
        report=None if is_silent else report,
        pools={} if is_silent else {PoolKey(each.namespace, each.name): each for each in pools},
        **changes,
    )


def seen(
    *activators: SeenActivator,
    pool: SeenPool | None = None,
    slices: dict[SliceName, ActivatorSlice] | None = None,
    is_leading: bool = True,
    **changes: Any,
) -> Seen:
    """What is seen of the pool `chat`, or of `pools`."""
    pools = changes.pop("pools", {CHAT: pool or seen_pool()})
    return Seen(is_leading=is_leading, pools=pools, activators=activators, slices=slices, **changes)
