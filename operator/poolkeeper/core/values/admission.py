"""What keeps a replica from being admitted: from having a pod, and the pod from having a node.

While it waits so, nothing is loaded and no accelerator is used: it is scarcity and not slowness.
"""

from collections.abc import Mapping
from enum import StrEnum

QUOTA_EXCEEDED = "QuotaExceeded"
ADMISSION_REFUSED = "AdmissionRefused"
SCHEDULING_GATED = "SchedulingGated"
UNSCHEDULABLE = "Unschedulable"
NODE_PROVISIONING = "NodeProvisioning"
ORDINAL_OCCUPIED = "OrdinalOccupied"
IMAGE_PULLING = "ImagePulling"
"""What a replica does that has a node: this is part of its start, and no wait for admission."""


class AdmissionCause(StrEnum):
    """Who or what holds a replica that is not admitted."""

    GATE = "Gate"
    """A scheduling gate of its pod, such as Kueue's."""
    QUOTA = "QuotaRefused"
    """A ResourceQuota, because of which the API server refuses the pod."""
    NO_NODE = "NoNode"
    """No node fits, and none is seen to come."""
    PROVISIONING = "NodeProvisioning"
    """A node is being made for it: by the cluster autoscaler, Karpenter or a ProvisioningRequest."""
    OTHER = "Other"
    """Something else: a policy that refuses the pod, a pod that still has its name, or not known."""


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
