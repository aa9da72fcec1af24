"""AcceleratorClass v1alpha1: how a type of accelerator is recognised, what it holds and what it costs."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from poolkeeper.api.base import ApiModel, Name, ObjectName, PositiveSeconds, Seconds, Text
from poolkeeper.api.markers import Cel, ListMap

Date = Annotated[
    str,
    Field(max_length=10),
    Cel("self.matches('^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$')", "must be YYYY-MM-DD, YYYY-MM or YYYY"),
]
MemoryGiB = Annotated[int, Field(ge=1, le=65_536)]
Chips = Annotated[int, Field(ge=1, le=100_000)]
LabelValue = Annotated[str, Field(max_length=63)]
QualifiedName = Annotated[
    str,
    Field(min_length=1, max_length=316),
    Cel(
        "self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?$')",
        "must be NAME or DOMAIN/NAME, for example nvidia.com/gpu",
    ),
]
ResourcePattern = Annotated[
    str,
    Field(min_length=1, max_length=316),
    Cel(
        "self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9][-_.A-Za-z0-9]*[*]?$')",
        "must be NAME or DOMAIN/NAME, with * at most at its end, for example nvidia.com/mig-*",
    ),
]


class Availability(StrEnum):
    """Whether the accelerator can be used today."""

    AVAILABLE = "Available"
    ANNOUNCED = "Announced"


class Architecture(StrEnum):
    """The processor architecture of the hosts, as in the node label kubernetes.io/arch."""

    AMD64 = "amd64"
    ARM64 = "arm64"


class TaintEffect(StrEnum):
    """Effect of a taint on pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Market(StrEnum):
    """How capacity is bought: on demand, as spot capacity, or reserved for a longer time."""

    ON_DEMAND = "OnDemand"
    SPOT = "Spot"
    RESERVED = "Reserved"


class Purpose(StrEnum):
    """What the vendor offers the accelerator for."""

    ANY = "Any"
    INFERENCE = "Inference"
    TRAINING = "Training"


class PartKind(StrEnum):
    """How a chip is divided. MIG: into slices with memory of their own. TimeSliced: pods take turns on it."""

    MIG = "MIG"
    TIME_SLICED = "TimeSliced"


class Period(StrEnum):
    """Unit of time of a price."""

    HOUR = "Hour"


class LabelValues(ApiModel):
    """Values that a node label may have. Upper and lower case count as equal."""

    key: QualifiedName
    """Key of the label."""
    values: Annotated[tuple[LabelValue, ...], Field(min_length=1, max_length=32)]
    """Values of the label on nodes of this class."""


class NodeLabel(LabelValues):
    """A node label whose value identifies the class. Upper and lower case count as equal."""

    and_: Annotated[tuple[LabelValues, ...], Field(alias="and", max_length=4), ListMap(("key",))] = ()
    """Labels that the node must carry besides, where the first one has this value on several classes."""


class NodeTaint(ApiModel):
    """A taint that nodes of this class may have."""

    key: QualifiedName
    """Key of the taint."""
    value: LabelValue | None = None
    """Value of the taint; absent if it differs between clouds."""
    effect: TaintEffect = TaintEffect.NO_SCHEDULE
    """Effect of the taint."""


class MachineType(ApiModel):
    """A machine that has this accelerator, as clouds call it."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the machine type, as in the node label node.kubernetes.io/instance-type."""
    chips: Chips
    """Chips of one such machine."""


class ResourcePart(ApiModel):
    """A resource of which several units make up one chip."""

    name: QualifiedName
    """Name of the resource, for example aws.amazon.com/neuroncore."""
    per_chip: Chips
    """Units in one chip."""


class Slice(ApiModel):
    """A group of hosts that works only as a whole."""

    topology: Annotated[str, Field(min_length=1, max_length=32)]
    """Shape in chips, for example 2x4."""
    chips: Chips
    """Chips in the slice."""
    hosts: Chips
    """Hosts in the slice. The pod on each host requests chips / hosts."""
    machine_type: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Machine type of the hosts; absent if it is not known."""


class Price(ApiModel):
    """A list price for a number of chips, with its source and date."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.amount.matches('^[0-9]{1,9}([.][0-9]{1,9})?$')",
            'amount must be a decimal like "2.70"',
        ),
    )

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the offer, for example the machine type."""
    amount: Annotated[str, Field(min_length=1, max_length=20)]
    """Decimal amount, for example "2.70"."""
    currency: Annotated[
        str,
        Field(max_length=3),
        Cel("self.matches('^[A-Z]{3}$')", "must be an ISO 4217 code like USD"),
    ] = "USD"
    """ISO 4217 code."""
    chips: Chips = 1
    """Number of chips that the amount is for; vCPUs for a class without a resource."""
    period: Period = Period.HOUR
    """Unit of time that the amount is for."""
    region: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Cloud region of the offer; absent if the source does not name it."""
    market: Market = Market.ON_DEMAND
    """Whether the capacity is bought on demand, as spot capacity, or reserved for a longer time."""
    source: Text
    """Where the figure is published."""
    date: Date
    """Date of the figure."""
    verified: bool = True
    """False if the figure is second-hand."""


class PartOf(ApiModel):
    """What a class is a part of, where one unit of its resource is less than a whole chip."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.kind != 'MIG' || has(self.profile)", "a part of kind MIG needs its profile, such as 1g.10gb"
        ),
    )

    class_: Annotated[ObjectName, Field(alias="class")]
    """Name of the AcceleratorClass of the whole chip."""
    kind: PartKind
    """How the chip is divided. MIG: slices with memory of their own. TimeSliced: pods take turns on it."""
    profile: (
        Annotated[
            str,
            Field(min_length=1, max_length=32),
            Cel("self.matches('^[a-z0-9][-_.+a-z0-9]*$')", "must be a MIG profile like 1g.10gb"),
        ]
        | None
    ) = None
    """With kind MIG: the profile of the slice, as in the name of its resource, for example 1g.10gb."""
    parts_per_chip: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Parts that one chip is divided into. One part has this share of the chip's price and watts; both are
    unknown where this is absent."""


class FigureSource(ApiModel):
    """The source of one figure of this class."""

    figure: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the field with the figure, for example memoryGiBPerChip."""
    source: Text
    """Where the figure is published."""
    date: Date
    """Date of the figure."""
    verified: bool = True
    """False if the figure is second-hand, or only announced."""


class AcceleratorClassSpec(ApiModel):
    """One type of accelerator. A figure that is not known is absent, never guessed."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.slices.all(slice, slice.chips % slice.hosts == 0)",
            "the chips of a slice must divide evenly among its hosts",
        ),
    )

    vendor: Name
    """Manufacturer."""
    display_name: Name
    """Name for people, for example NVIDIA L4."""
    availability: Availability = Availability.AVAILABLE
    """Available, or Announced: the figures are the vendor's promises, and nodes can't be recognised yet."""
    purpose: Purpose = Purpose.ANY
    """What the vendor offers it for. Pools start no replicas on a class for Training, unless they set
    spec.accelerator.allowTraining."""
    part_of: PartOf | None = None
    """The class of the whole chip, where one unit of the resource is a part of a chip. A part is never
    counted as a chip."""
    resource_name: QualifiedName | None = None
    """Extended resource that a pod requests; absent if replicas run on CPUs or the name is not known."""
    other_resource_names: Annotated[tuple[ResourcePattern, ...], Field(max_length=16)] = ()
    """Resources that a pod may request instead, for example a part of a chip. A `*` at the end matches any
    ending."""
    resource_parts: Annotated[tuple[ResourcePart, ...], Field(max_length=8), ListMap(("name",))] = ()
    """Resources of which several units make up one chip."""
    device_class_names: Annotated[tuple[ObjectName, ...], Field(max_length=8)] = ()
    """DeviceClasses of Dynamic Resource Allocation whose devices are units of this class, for example
    gpu.nvidia.com. A pod then asks for a unit by a resource claim instead of the resource."""
    architecture: Architecture | None = None
    """Architecture of the hosts; absent if there are hosts of both, or it is not known."""
    node_labels: Annotated[tuple[NodeLabel, ...], Field(max_length=16), ListMap(("key",))] = ()
    """Labels that identify nodes of this class. One match suffices."""
    taints: Annotated[tuple[NodeTaint, ...], Field(max_length=16), ListMap(("key", "effect"))] = ()
    """Taints that a pod template must tolerate to run on nodes of this class."""
    memory_gib_per_chip: Annotated[MemoryGiB | None, Field(alias="memoryGiBPerChip")] = None
    """Memory of one chip, in GiB."""
    watts_per_chip: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Design power of one chip, in watts."""
    machine_types: Annotated[tuple[MachineType, ...], Field(max_length=64), ListMap(("name",))] = ()
    """Machine types with this accelerator, and their chips per host. There may be others."""
    slices: Annotated[tuple[Slice, ...], Field(max_length=64), ListMap(("topology", "hosts"))] = ()
    """Sizes in which groups of hosts (slices) are offered. If there are none, a slice may have each topology
    whose chips divide evenly among hosts of a machine type."""
    prices: Annotated[tuple[Price, ...], Field(max_length=64), ListMap(("name", "market"))] = ()
    """List prices. What you pay yourself goes into dollarsPerChipHour."""
    market: Market = Market.ON_DEMAND
    """The market whose list prices count for this cluster."""
    dollars_per_chip_hour: (
        Annotated[
            str,
            Field(min_length=1, max_length=20),
            Cel("self.matches('^[0-9]{1,9}([.][0-9]{1,9})?$')", 'must be a decimal like "2.70"'),
        ]
        | None
    ) = None
    """What you pay for one chip for one hour, in US dollars, as a decimal like "2.70". It counts instead of
    all list prices. The catalogue never sets it, so updates of the catalogue leave it alone."""
    expected_start_seconds: PositiveSeconds | None = None
    """How long a start is expected to take, in seconds, until a pool has measured its own."""
    expected_service_seconds: PositiveSeconds | None = None
    """How long one request is expected to take, in seconds, until a pool has measured its own."""
    node_tail_seconds: Seconds = 600
    """How long a node is still paid for after its last replica has stopped, in seconds. The default is the
    scale-down-unneeded-time of cluster-autoscaler."""
    sources: Annotated[tuple[FigureSource, ...], Field(max_length=32), ListMap(("figure",))] = ()
    """Sources of the figures."""
