"""What keeps a replica from being admitted: from having a pod, and the pod from having a node.

While it waits so, nothing is loaded and no accelerator is used: it is scarcity and not slowness.
"""

from collections.abc import Mapping

from poolkeeper.api.status import AdmissionCause as AdmissionCause

QUOTA_EXCEEDED = "QuotaExceeded"
ADMISSION_REFUSED = "AdmissionRefused"
SCHEDULING_GATED = "SchedulingGated"
UNSCHEDULABLE = "Unschedulable"
NODE_PROVISIONING = "NodeProvisioning"
ORDINAL_OCCUPIED = "OrdinalOccupied"
IMAGE_PULLING = "ImagePulling"
"""What a replica does that has a node: this is part of its start, and no wait for admission."""


CAUSES = tuple(AdmissionCause)
"""In the order in which they are counted and saved."""
_BY_REASON: Mapping[str, AdmissionCause] = {
    SCHEDULING_GATED: AdmissionCause.GATE,
    QUOTA_EXCEEDED: AdmissionCause.QUOTA,
    UNSCHEDULABLE: AdmissionCause.NO_NODE,
    NODE_PROVISIONING: AdmissionCause.PROVISIONING,
}


def cause_of(reason: str) -> AdmissionCause:
    """The cause that a reason of a replica without a node stands for. Example: QuotaExceeded stands for a
    quota; a reason of an unknown scheduler, or none, stands for OTHER."""
    return _BY_REASON.get(reason, AdmissionCause.OTHER)
