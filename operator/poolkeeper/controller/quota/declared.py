"""From what a cluster owner declares to the values that the core counts with."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

from poolkeeper.api.accelerator_quota import (
    ALL_NAMESPACES,
    AcceleratorQuotaSpec,
    LabelPair,
    QuotaAmounts,
    QuotaShare,
)
from poolkeeper.controller.pool.pool import first_problem
from poolkeeper.core.quota.quota import REST, Amounts, Measure, Quota, Share, Unit
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.unit_cost import micro_dollars
from poolkeeper.kube.objects.quotas import QuotaObject


class Selector(NamedTuple):
    """Which pools are meant."""

    namespaces: frozenset[str]
    labels: tuple[tuple[str, str], ...]

    def selects(self, namespace: str, labels: Mapping[str, Any]) -> bool:
        """Whether a pool of this namespace with these labels is meant."""
        if ALL_NAMESPACES not in self.namespaces and namespace not in self.namespaces:
            return False
        return all(labels.get(key) == value for key, value in self.labels)


@dataclass(frozen=True, slots=True)
class Declared:
    """One quota as it is declared now."""

    seen: QuotaObject
    quota: Quota
    selector: Selector
    shares: tuple[Selector, ...]
    """The pools of each declared share, in the order of the quota's shares without the last."""
    problem: Verdict | None = None
    """What should be corrected; None where all is well."""

    def share_of(self, namespace: str, labels: Mapping[str, Any]) -> int | None:
        """Index of the share that a pool belongs to; None where the quota does not count the pool."""
        if not self.selector.selects(namespace, labels):
            return None
        for index, share in enumerate(self.shares):
            if share.selects(namespace, labels):
                return index
        return len(self.shares)


def declared(seen: QuotaObject, before: Declared | None) -> Declared:
    """The quota; where it can't be read, the one that was read before, or one that limits nothing."""
    try:
        spec = AcceleratorQuotaSpec.model_validate(seen.spec)
    except ValidationError as error:
        problem = f"{first_problem(error)}; correct it, or install the CRD of the operator's version"
        last = before or Declared(seen, Quota(seen.name, (), ()), Selector(frozenset(), ()), ())
        effect = "Until then, the last version that could be read counts" if before else "It limits nothing"
        verdict = Verdict(False, "InvalidSpec", f"{problem}. {effect}.")
        return Declared(seen, last.quota, last.selector, last.shares, verdict)
    measures = tuple(_measures(spec.limits))
    limits = tuple(_amount(spec.limits, measure) or 0 for measure in measures)
    shares = (*(_share(each, measures) for each in spec.shares), REST)
    return Declared(
        seen,
        Quota(seen.name, measures, limits, shares),
        _selector(spec.namespaces, spec.labels),
        tuple(_selector(each.namespaces, each.labels) for each in spec.shares),
        _problem(spec, measures, limits, shares),
    )


def _measures(limits: QuotaAmounts) -> Iterator[Measure]:
    for each in limits.chips:
        yield Measure(Unit.CHIPS, each.class_)
    if limits.watts is not None:
        yield Measure(Unit.WATTS)
    if limits.dollars_per_hour is not None:
        yield Measure(Unit.MICRO_DOLLARS)


def _amount(amounts: QuotaAmounts, measure: Measure) -> int | None:
    """What is declared for a measure; None where nothing is."""
    if measure.unit is Unit.WATTS:
        return amounts.watts
    if measure.unit is Unit.MICRO_DOLLARS:
        return None if amounts.dollars_per_hour is None else micro_dollars(amounts.dollars_per_hour)
    return next((each.chips for each in amounts.chips if each.class_ == measure.accelerator), None)


def _share(share: QuotaShare, measures: Iterable[Measure]) -> Share:
    guaranteed = share.guaranteed
    amounts = tuple(_amount(guaranteed, measure) for measure in measures) if guaranteed else ()
    is_any = any(amount is not None for amount in amounts)
    return Share(share.name, share.priority, amounts if is_any else (), share.borrows, share.lends)


def _selector(namespaces: Iterable[str], labels: Iterable[LabelPair]) -> Selector:
    return Selector(frozenset(namespaces), tuple((each.key, each.value) for each in labels))


def _problem(
    spec: AcceleratorQuotaSpec, measures: tuple[Measure, ...], limits: Amounts, shares: Iterable[Share]
) -> Verdict | None:
    limited = {measure.accelerator for measure in measures}
    for share in spec.shares:
        for each in share.guaranteed.chips if share.guaranteed else ():
            if each.class_ not in limited:
                return Verdict(
                    False,
                    "GuaranteeWithoutLimit",
                    f"share {share.name} is guaranteed chips of class {each.class_}, which limits.chips does "
                    "not name: name it there. Until then, that part of the guarantee does not count.",
                )
    for index, limit in enumerate(limits):
        promised = sum((share.guaranteed[index] or 0) for share in shares if share.guaranteed)
        if promised > limit:
            said = say_amount(measures[index], promised)
            return Verdict(
                False,
                "GuaranteesExceedLimit",
                f"the shares are guaranteed {said} together, and the limit is "
                f"{say_amount(measures[index], limit)}: shares of higher priority are served first.",
            )
    return None


def say_amount(measure: Measure, amount: int) -> str:
    """An amount of one measure for people, such as 16 nvidia-l4 chips or $12.50 per hour."""
    if measure.unit is Unit.CHIPS:
        return f"{amount} {measure.accelerator} {'chip' if amount == 1 else 'chips'}"
    if measure.unit is Unit.WATTS:
        return f"{amount} W"
    return f"{say_dollars(amount)} per hour"


def say_dollars(amount: int) -> str:
    """Micro-dollars as dollars and cents, for example $12.50; rounded up."""
    cents = -(-amount // 10_000)
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100}.{abs(cents) % 100:02d}"
