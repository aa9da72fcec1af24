"""Whether pods select nodes that offer parts of chips under the name of the whole chip."""

from typing import NamedTuple

from poolkeeper.advice.nodes import GKE_PROFILE, MIG_MARK, PRODUCT, SHARED, SHARED_MARK, SHARING
from poolkeeper.advice.placement.amounts import Json, mapping
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, PartKind


class SelectedPart(NamedTuple):
    """A part of a chip, by the node label that a pod selects."""

    kind: PartKind
    profile: str
    """Profile of a MIG slice; empty for a time-sliced GPU."""
    label: str
    value: str

    def is_of(self, accelerator: AcceleratorClassSpec, whole: str) -> bool:
        """Whether it is what a class stands for, of the chips of the class called `whole`."""
        part = accelerator.part_of
        return part is not None and (part.class_, part.kind, part.profile or "") == (
            whole,
            self.kind,
            self.profile,
        )


def other_part(name: str, accelerator: AcceleratorClassSpec, pod: Json) -> SelectedPart | None:
    """The part of a chip that the selected nodes have, where the class called `name` counts something
    else. None where they may have what it counts, and where the class names such nodes itself."""
    part = _selected(pod)
    whole = accelerator.part_of.class_ if accelerator.part_of else name
    if part is None or part.is_of(accelerator, whole) or _names(accelerator, part):
        return None
    return part


def _names(accelerator: AcceleratorClassSpec, part: SelectedPart) -> bool:
    """Whether the nodes of a class carry the label by its own words."""
    labels = (each for label in accelerator.node_labels for each in (label, *label.and_))
    return any(
        label.key == part.label and part.value.lower() in {value.lower() for value in label.values}
        for label in labels
    )


def _selected(pod: Json) -> SelectedPart | None:
    selector = {str(key): str(value) for key, value in mapping(pod.get("nodeSelector")).items()}
    product = selector.get(PRODUCT, "").lower()
    if profile := selector.get(GKE_PROFILE, "").lower():
        return SelectedPart(PartKind.MIG, profile, GKE_PROFILE, profile)
    if profile := product.removesuffix(SHARED_MARK).partition(MIG_MARK)[2]:
        return SelectedPart(PartKind.MIG, profile, PRODUCT, selector[PRODUCT])
    if product.endswith(SHARED_MARK):
        return SelectedPart(PartKind.TIME_SLICED, "", PRODUCT, selector[PRODUCT])
    for label in SHARING:
        if selector.get(label, "").lower() in SHARED:
            return SelectedPart(PartKind.TIME_SLICED, "", label, selector[label])
    return None
