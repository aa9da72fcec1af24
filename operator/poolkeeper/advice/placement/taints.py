"""Whether a pod template tolerates the taints of its class's nodes."""

from collections.abc import Iterator

from poolkeeper.advice.placement.amounts import Json, mappings, whole
from poolkeeper.advice.placement.nodes import label_keys
from poolkeeper.advice.placement.remark import Placement, Remark, line
from poolkeeper.advice.placement.size import PodsAsking
from poolkeeper.api.accelerator_class import NodeTaint, TaintEffect

GKE = "cloud.google.com/"
"""Labels with this prefix are on nodes of GKE only. Its admission adds a toleration for each extended
resource that a pod asks for, to the taint whose key is that resource."""


def taint_remarks(placement: Placement, part: PodsAsking) -> Iterator[Remark]:
    """The taints of the class that the pods of a template do not tolerate."""
    tolerations = mappings(part.spec.get("tolerations"))
    is_on_gke = any(key.startswith(GKE) for key in label_keys(part.spec))
    asked = whole(part.amounts)
    for taint in placement.accelerator.taints:
        is_soft = taint.effect is TaintEffect.PREFER_NO_SCHEDULE
        if is_soft or any(_tolerates(toleration, taint) for toleration in tolerations):
            continue
        if is_on_gke and taint.key in asked:
            yield Remark(
                "ToleratedByAdmission",
                f"GKE itself adds the toleration of {taint.key} to pods that ask for {taint.key}",
                holds=True,
            )
            continue
        by_admission = (
            " (a cluster with the ExtendedResourceToleration admission plugin adds it by itself)"
            if taint.key in asked
            else ""
        )
        toleration = {"key": taint.key, "operator": "Exists", "effect": taint.effect.value}
        yield Remark(
            "TaintNotTolerated",
            f"nodes of class {placement.name} may carry the taint {taint.key}:{taint.effect}, which the pod "
            f"template does not tolerate: write in the pod template {line('tolerations', [toleration])}"
            f"{by_admission}",
        )


def _tolerates(toleration: Json, taint: NodeTaint) -> bool:
    """Whether a toleration matches a taint; a taint without a declared value matches any value."""
    if toleration.get("effect") not in (None, "", taint.effect):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.key)
    return toleration.get("key") == taint.key and taint.value in (None, toleration.get("value"))
