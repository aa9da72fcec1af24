"""How much of its accelerator class one replica of a pool holds."""

from typing import NamedTuple


class ReplicaSize(NamedTuple):
    """The size of one replica, over all of its pods."""

    chips: int | None = None
    """Units of the class's resource that one replica holds. A part of a chip, such as a MIG slice or a
    time-shared GPU, is a unit of the class of that part and never a chip; a class without a resource counts
    vCPUs, rounded up. None where the number is not known."""
    pods: int = 1
    """Pods of which one replica consists: more than 1 for a group of hosts."""
    unknown: str = ""
    """Why the chips are not known, as a sentence for people; empty where they are."""


UNSIZED = ReplicaSize(unknown="the target's pod template has not been read yet")
