"""AcceleratorClass v1alpha1: how a type of accelerator is recognised, what it holds and what it costs."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from poolkeeper.api.base import ApiModel, Name, PositiveSeconds, Seconds, Text
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
    """Whether the accelerator can be had."""

    AVAILABLE = "Available"
    ANNOUNCED = "Announced"


class Architecture(StrEnum):
    """The processor architecture of the hosts, as in the node label kubernetes.io/arch."""

    AMD64 = "amd64"
    ARM64 = "arm64"


class TaintEffect(StrEnum):
    """What a taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Market(StrEnum):
    """How capacity is bought."""

    ON_DEMAND = "OnDemand"
    SPOT = "Spot"


class Period(StrEnum):
    """What a price pays for."""

    HOUR = "Hour"


class NodeLabel(ApiModel):
    """A node label whose value tells the class; letter case does not count."""

    key: QualifiedName
    """Key of the label."""
    values: Annotated[tuple[LabelValue, ...], Field(min_length=1, max_length=32)]
    """Values that nodes of this class carry."""


class NodeTaint(ApiModel):
    """A taint that nodes of this class may carry."""

    key: QualifiedName
    """Key of the taint."""
    value: LabelValue | None = None
    """Value of the taint; absent where clouds disagree about it."""
    effect: TaintEffect = TaintEffect.NO_SCHEDULE
    """What the taint does."""


class Slice(ApiModel):
    """A group of hosts that is only useful whole."""

    topology: Annotated[str, Field(min_length=1, max_length=32)]
    """Shape in chips, for example 2x4."""
    chips: Chips
    """Chips in the slice."""
    hosts: Chips
    """Hosts that share the slice; every one asks for chips / hosts."""


class Price(ApiModel):
    """What some chips cost, as somebody listed it on a day."""

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
    """Chips that the amount pays for; vCPUs for a class without a resource."""
    period: Period = Period.HOUR
    """Time that the amount pays for."""
    region: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """Cloud region of the offer; absent where the source does not say."""
    market: Market = Market.ON_DEMAND
    """How the capacity is bought."""
    source: Text
    """Who says so."""
    date: Date
    """As of when."""
    verified: bool = True
    """False where the figure is second-hand."""


class FigureSource(ApiModel):
    """Where a figure of this class comes from."""

    figure: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the field that holds the figure, for example memoryGiBPerChip."""
    source: Text
    """Who says so."""
    date: Date
    """As of when."""
    verified: bool = True
    """False where the figure is second-hand or announced only."""


class AcceleratorClassSpec(ApiModel):
    """One type of accelerator. What is not known is absent, never guessed."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.slices.all(slice, slice.chips % slice.hosts == 0)",
            "the chips of a slice must divide evenly among its hosts",
        ),
    )

    vendor: Name
    """Who makes it."""
    display_name: Name
    """What people call it."""
    availability: Availability = Availability.AVAILABLE
    """Announced: figures are promises, and nodes can't be recognised yet."""
    resource_name: QualifiedName | None = None
    """Extended resource that a pod asks for; absent where replicas run on plain CPUs or it is not known."""
    other_resource_names: Annotated[tuple[ResourcePattern, ...], Field(max_length=16)] = ()
    """Resources that a pod may ask for instead, for example for a part of a chip; `*` ends a beginning."""
    architecture: Architecture | None = None
    """Architecture of the hosts; absent where both or neither are known."""
    node_labels: Annotated[tuple[NodeLabel, ...], Field(max_length=16), ListMap(("key",))] = ()
    """Labels that tell nodes of this class; any one of them suffices."""
    taints: Annotated[tuple[NodeTaint, ...], Field(max_length=16), ListMap(("key", "effect"))] = ()
    """Taints that a pod template must tolerate to run on nodes of this class."""
    memory_gib_per_chip: Annotated[MemoryGiB | None, Field(alias="memoryGiBPerChip")] = None
    """Memory of one chip."""
    watts_per_chip: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Design power of one chip."""
    slices: Annotated[tuple[Slice, ...], Field(max_length=64), ListMap(("topology", "hosts"))] = ()
    """Slices that can be had."""
    prices: Annotated[tuple[Price, ...], Field(max_length=64), ListMap(("name", "market"))] = ()
    """Prices that were seen; replace them by what is paid."""
    expected_start_seconds: PositiveSeconds | None = None
    """How long a cold start is expected to take until a pool has seen its own."""
    node_tail_seconds: Seconds = 600
    """How long a node is still paid for after its last replica stops. The default is cluster-autoscaler's
    scale-down-unneeded-time."""
    sources: Annotated[tuple[FigureSource, ...], Field(max_length=32), ListMap(("figure",))] = ()
    """Where the figures come from."""
