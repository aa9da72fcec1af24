"""The kinds of our group: names, models and columns of `kubectl get`."""

from typing import Any

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.accelerator_quota import AcceleratorQuotaSpec, AcceleratorQuotaStatus
from poolkeeper.api.base import CLASSES, POOLS, QUOTAS
from poolkeeper.api.crds.generator import Kind
from poolkeeper.api.pool import AcceleratorPoolSpec
from poolkeeper.api.status import AcceleratorPoolStatus


def column(name: str, type_: str, path: str, description: str, priority: int = 0) -> dict[str, Any]:
    """A column of `kubectl get`, as `additionalPrinterColumns` wants it."""
    return {
        "name": name,
        "type": type_,
        "jsonPath": path,
        "description": description,
        "priority": priority,
    }


AGE = column("Age", "date", ".metadata.creationTimestamp", "Time since creation")

ACCELERATOR_POOL = Kind(
    kind="AcceleratorPool",
    plural=POOLS,
    short_names=("apool",),
    scope="Namespaced",
    description="A pool of model servers that runs as few replicas as its promise about waiting allows.",
    spec=AcceleratorPoolSpec,
    status=AcceleratorPoolStatus,
    columns=(
        column("Target", "string", ".spec.targetRef.name", "Workload that is scaled"),
        column("Class", "string", ".spec.accelerator.class", "AcceleratorClass of the replicas"),
        column("Ready", "integer", ".status.replicas.ready", "Replicas that take requests"),
        column("Desired", "integer", ".status.replicas.desired", "Replicas that the target should have"),
        column("Queued", "integer", ".status.demand.queued", "Requests that wait"),
        column(
            "Coldstart(p95)",
            "integer",
            ".status.coldStart.p95Seconds",
            "95th percentile of start times, in seconds",
        ),
        column(
            "Budget", "integer", ".spec.coldStart.budgetSeconds", "Longest wait that is promised, in seconds"
        ),
        column("State", "string", ".status.decision.reason", "Reason of the decision in force"),
        column(
            "Serving",
            "string",
            ".status.arms[?(@.ready>0)].class",
            "Classes with replicas that take requests, where the pool has fallbacks",
            priority=1,
        ),
        AGE,
    ),
)

ACCELERATOR_CLASS = Kind(
    kind="AcceleratorClass",
    plural=CLASSES,
    short_names=("aclass",),
    scope="Cluster",
    description="A type of accelerator: how its nodes are recognised, its memory and power, and its prices.",
    spec=AcceleratorClassSpec,
    columns=(
        column("Vendor", "string", ".spec.vendor", "Manufacturer"),
        column("Accelerator", "string", ".spec.displayName", "Name for people"),
        column("Resource", "string", ".spec.resourceName", "Extended resource that pods request"),
        column("Memory(GiB)", "integer", ".spec.memoryGiBPerChip", "GiB per chip"),
        column("Availability", "string", ".spec.availability", "Whether it can be used today", priority=1),
        AGE,
    ),
)

ACCELERATOR_QUOTA = Kind(
    kind="AcceleratorQuota",
    plural=QUOTAS,
    short_names=("aquota",),
    scope="Cluster",
    description="What pools may use together, in chips, watts and dollars per hour, and who comes first.",
    spec=AcceleratorQuotaSpec,
    status=AcceleratorQuotaStatus,
    columns=(
        column("Used", "string", ".status.used", "What is used of each limit"),
        column("Pools", "integer", ".status.pools", "Pools that count"),
        column("Waiting", "integer", ".status.waiting", "Pools that need more replicas than they have"),
        column(
            "Known", "string", ".status.conditions[?(@.type=='Known')].status", "Whether all use is known"
        ),
        AGE,
    ),
)

KINDS = (ACCELERATOR_POOL, ACCELERATOR_CLASS, ACCELERATOR_QUOTA)
