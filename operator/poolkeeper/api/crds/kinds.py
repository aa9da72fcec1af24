"""The kinds of our group: names, models and columns of `kubectl get`."""

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.base import CLASSES, POOLS
from poolkeeper.api.crds.generator import Column, Kind
from poolkeeper.api.pool import AcceleratorPoolSpec
from poolkeeper.api.status import AcceleratorPoolStatus

AGE = Column("Age", "date", ".metadata.creationTimestamp", "Time since creation")

ACCELERATOR_POOL = Kind(
    kind="AcceleratorPool",
    plural=POOLS,
    short_names=("apool",),
    scope="Namespaced",
    description="A pool of model servers that runs as few replicas as its promise about waiting allows.",
    spec=AcceleratorPoolSpec,
    status=AcceleratorPoolStatus,
    columns=(
        Column("Target", "string", ".spec.targetRef.name", "Workload that is scaled"),
        Column("Class", "string", ".spec.accelerator.class", "AcceleratorClass of the replicas"),
        Column("Ready", "integer", ".status.replicas.ready", "Replicas that take requests"),
        Column("Desired", "integer", ".status.replicas.desired", "Replicas that the target is asked to have"),
        Column("Queued", "integer", ".status.demand.queued", "Requests that wait"),
        Column(
            "Coldstart(p95)",
            "integer",
            ".status.coldStart.p95Seconds",
            "95 % of starts take no longer, in seconds",
        ),
        Column(
            "Budget", "integer", ".spec.coldStart.budgetSeconds", "Longest wait that is promised, in seconds"
        ),
        Column("State", "string", ".status.decision.reason", "Reason of the decision in force"),
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
        Column("Vendor", "string", ".spec.vendor", "Manufacturer"),
        Column("Accelerator", "string", ".spec.displayName", "Name for people"),
        Column("Resource", "string", ".spec.resourceName", "Extended resource that pods request"),
        Column("Memory", "integer", ".spec.memoryGiBPerChip", "GiB per chip"),
        Column("Availability", "string", ".spec.availability", "Whether it can be used today", priority=1),
        AGE,
    ),
)

KINDS = (ACCELERATOR_POOL, ACCELERATOR_CLASS)
