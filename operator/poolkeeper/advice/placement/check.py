"""Whether the pods of a replica can run on the nodes that their class describes, as one verdict.

Compared with the class, never with the nodes that exist now, because a node group may be at zero.
What neither of them states (a label that the class does not mention) is no fault.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from poolkeeper.advice.placement.claims import claim_remarks
from poolkeeper.advice.placement.hosts import host_network_remarks, host_remarks
from poolkeeper.advice.placement.nodes import node_remarks
from poolkeeper.advice.placement.ranks import rank_remarks
from poolkeeper.advice.placement.remark import Placement, Remark
from poolkeeper.advice.placement.resources import part_remarks, resource_remarks
from poolkeeper.advice.placement.size import PodsAsking
from poolkeeper.advice.placement.slices import slice_remarks
from poolkeeper.advice.placement.taints import taint_remarks
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.replica_size import ReplicaSize

FITS = "TemplateFitsClass"
MOST_CHARACTERS = 1_000
"""Longest message of the condition. What does not fit whole is only counted: no line to write is cut."""


def placement_remarks(placement: Placement) -> tuple[Remark, ...]:
    """Everything that is wrong, not known or worth knowing, with what to mend first in front."""
    before, after = (part_remarks, claim_remarks), (node_remarks, taint_remarks, host_remarks)
    of_parts = (_of_each(placement, check) for check in before)
    of_nodes = (_of_each(placement, check) for check in (*after, host_network_remarks))
    whole = (resource_remarks(placement), *of_parts, slice_remarks(placement), rank_remarks(placement))
    return tuple(chain(*whole, *of_nodes))


def placement_verdict(placement: Placement, size: ReplicaSize) -> Verdict:
    """The condition PlacementMatches."""
    remarks = placement_remarks(placement)
    wrong = [remark for remark in remarks if remark.holds is False]
    unknown = [remark for remark in remarks if remark.holds is None]
    if wrong or unknown:
        first, *_ = wrong or unknown
        return Verdict(first.holds, first.reason, _short([each.message for each in (*wrong, *unknown)]))
    said = [f"the pod template fits the nodes of the class; {_described(placement, size)}"]
    return Verdict(True, FITS, _short([*said, *(remark.message for remark in remarks)]))


def _of_each(
    placement: Placement, check: Callable[[Placement, PodsAsking], Iterable[Remark]]
) -> tuple[Remark, ...]:
    """The remarks on each template, once each. In a group it is said whose template is meant."""
    roles: dict[Remark, list[str]] = {}
    for part in placement.parts:
        for remark in check(placement, part):
            roles.setdefault(remark, []).append(part.role)
    return tuple(
        remark._replace(message=f"{' and '.join(names)}: {remark.message}") if all(names) else remark
        for remark, names in roles.items()
    )


def _described(placement: Placement, size: ReplicaSize) -> str:
    accelerator = placement.accelerator
    is_of_cpus = accelerator.resource_name is None and not accelerator.device_class_names
    if size.chips is None:
        return f"how many {'vCPUs' if is_of_cpus else 'chips'} a replica holds is not known: {size.unknown}"
    units = (
        f"{size.chips} of {accelerator.resource_name}"
        if accelerator.resource_name
        else _nouns(placement, size.chips)
    )
    return f"a replica holds {units}" + (f" on {size.pods} pods" if size.pods > 1 else "")


def _nouns(placement: Placement, count: int) -> str:
    if placement.accelerator.device_class_names:
        return f"{count} of {placement.accelerator.device_class_names[0]}"
    return "1 vCPU" if count == 1 else f"{count} vCPUs"


def _short(messages: Sequence[str]) -> str:
    """As many whole messages as fit; the first is cut where it alone is too long."""
    for kept in range(len(messages), 1, -1):
        more = len(messages) - kept
        text = "; ".join(messages[:kept]) + (f"; and {more} more" if more else "")
        if len(text) <= MOST_CHARACTERS:
            return text
    more = len(messages) - 1
    end = f"; and {more} more" if more else ""
    text = messages[0]
    room = MOST_CHARACTERS - len(end)
    return (text if len(text) <= room else text[: room - 1] + "…") + end
