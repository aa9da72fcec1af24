"""AcceleratorQuota v1alpha1: how much pools may use together, and who comes first when that is not enough."""

from typing import Annotated, ClassVar

from pydantic import Field

from poolkeeper.api.base import ApiModel, Count, ObjectName, Text
from poolkeeper.api.markers import Cel, ListMap
from poolkeeper.api.status import Condition

ALL_NAMESPACES = "*"
WAITING_SHOWN = 20

Namespace = Annotated[str, Field(min_length=1, max_length=63)]
Namespaces = Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=256)]


class LabelPair(ApiModel):
    """A label that a pool must have."""

    key: Annotated[str, Field(min_length=1, max_length=316)]
    """Key of the label."""
    value: Annotated[str, Field(max_length=63)] = ""
    """Value of the label."""


class ClassLimit(ApiModel):
    """A number of chips of one class. A part of a chip, such as a MIG slice, counts for its own class
    only."""

    class_: Annotated[ObjectName, Field(alias="class")]
    """Name of an AcceleratorClass."""
    chips: Annotated[int, Field(ge=0, le=1_000_000)]
    """Chips of that class."""


class QuotaAmounts(ApiModel):
    """Amounts by measure. A measure that is absent is not limited."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.chips.size() > 0 || has(self.watts) || has(self.dollarsPerHour)",
            "name at least one of chips, watts and dollarsPerHour",
        ),
    )

    chips: Annotated[tuple[ClassLimit, ...], Field(max_length=32), ListMap(("class",))] = ()
    """Chips, by class."""
    watts: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
    """Design power of all chips together, in watts: what a site's power supply allows. A class must say its
    wattsPerChip; without that, none of its pools gets another replica."""
    dollars_per_hour: (
        Annotated[
            str,
            Field(min_length=1, max_length=20),
            Cel("self.matches('^[0-9]{1,12}([.][0-9]{1,6})?$')", 'must be a decimal like "120.50"'),
        ]
        | None
    ) = None
    """What all chips together may cost in an hour, in US dollars, for example "120.50". A class must have a
    price; without one, none of its pools gets another replica."""


class QuotaShare(ApiModel):
    """Pools that are treated alike: what is guaranteed to them, and how they rank against others. A pool
    belongs to the first share that names it; what no share names has priority 0 and no guarantee."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the share, shown in messages and metrics."""
    namespaces: Namespaces
    """Namespaces of its pools; "*" for all."""
    labels: Annotated[tuple[LabelPair, ...], Field(max_length=8), ListMap(("key",))] = ()
    """Labels that its pools must have. A user who may edit a pool also chooses its labels, so name only
    namespaces whose pools you trust with this share."""
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Of two shares that ask for more than is left, the one with the higher priority comes first."""
    guaranteed: QuotaAmounts | None = None
    """What the share gets before all others. It may be less than the limits in sum; what is left is shared by
    priority. While its pools don't ask for it, others may use it, see lends."""
    borrows: bool = True
    """Whether the share may use more than is guaranteed to it, while others leave it free."""
    lends: bool = True
    """Whether others may use what the share leaves free of its guarantee. They give it back once their
    replicas are idle, so with true the share may have to wait; with false it never does."""


class AcceleratorQuotaSpec(ApiModel):
    """How much some pools may use together."""

    rules: ClassVar[tuple[Cel, ...]] = (
        Cel(
            "self.shares.all(share, !has(share.guaranteed) || "
            "((has(self.limits.watts) || !has(share.guaranteed.watts)) && "
            "(has(self.limits.dollarsPerHour) || !has(share.guaranteed.dollarsPerHour))))",
            "guaranteed may only name what limits names too: watts or dollarsPerHour is missing there",
        ),
        Cel(
            "self.shares.all(share, share.borrows || has(share.guaranteed))",
            "a share that does not borrow needs guaranteed: it could use nothing otherwise",
        ),
    )

    namespaces: Namespaces
    """Namespaces whose pools count; "*" for all."""
    labels: Annotated[tuple[LabelPair, ...], Field(max_length=8), ListMap(("key",))] = ()
    """Labels that pools must have to count. A user who may edit a pool can take a label away and is not
    limited then: to limit a tenant, name namespaces only."""
    limits: QuotaAmounts
    """The most that these pools may use together."""
    shares: Annotated[tuple[QuotaShare, ...], Field(max_length=32), ListMap(("name",))] = ()
    """Who is guaranteed what, and who comes first. Without shares, requests that wait come before idle
    replicas, and nothing else counts."""


class QuotaUse(ApiModel):
    """How much of one limit is used."""

    measure: Annotated[str, Field(min_length=1, max_length=300)]
    """What is counted, for example nvidia-l4 chips."""
    used: Annotated[str, Field(max_length=32)]
    """What the pools use, with what is being started and what is about to end."""
    limit: Annotated[str, Field(max_length=32)]
    """The limit."""


class ShareUse(ApiModel):
    """What one share uses."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the share."""
    pools: Count
    """Pools that belong to it."""
    used: Text
    """What they use; with a guarantee, of how much."""
    borrowed: Text | None = None
    """What they use beyond the guarantee; absent if nothing."""
    waiting: Count | None = None
    """Pools that need more replicas than they have; absent if none."""


class WaitingPool(ApiModel):
    """A pool that needs more replicas than the quota allows it now."""

    pool: Annotated[str, Field(min_length=1, max_length=320)]
    """The pool, as namespace/name."""
    holds: Count
    """Replicas that it has."""
    needs: Count
    """Replicas that it needs."""


class AcceleratorQuotaStatus(ApiModel):
    """What is used of a quota, written at most every few seconds."""

    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """Generation of the spec that this status belongs to."""
    used: Text
    """All measures in one line, for example 14/16 nvidia-l4, 1008/3000 W, $11.20/$40.00 per hour."""
    pools: Count
    """Pools that count."""
    waiting: Count
    """Pools that need more replicas than they have."""
    measures: Annotated[tuple[QuotaUse, ...], Field(max_length=34), ListMap(("measure",))] = ()
    """What is used of each limit."""
    shares: Annotated[tuple[ShareUse, ...], Field(max_length=33), ListMap(("name",))] = ()
    """What each share uses."""
    waiting_pools: Annotated[tuple[WaitingPool, ...], Field(max_length=WAITING_SHOWN)] = ()
    """Pools that need more, those first that need most."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=8), ListMap(("type",))] = ()
    """Statements about the quota: Ready, Known, WithinLimits. True means that all is well."""
