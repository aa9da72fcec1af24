"""How many replicas the pods of a target amount to, for what they hold and not for what they serve."""

from poolkeeper.controller.pool.arm import Arm
from poolkeeper.controller.pool.pod_selection import is_group_set
from poolkeeper.controller.pool.replicas.groups import GROUP_INDEX
from poolkeeper.core.values.identity import TargetKey


def replicas_present(arm: Arm, target: TargetKey | None) -> tuple[int, int]:
    """Those that have pods which stay, and those whose pods are terminating.

    A part of a replica serves nothing, and holds accelerators: it counts as a whole one. Example: of a group
    of 4 hosts the leader is gone, and 3 workers are still terminating: 1 replica is terminating.
    """
    if is_group_set(target):
        leaders = [pod for pod in arm.pods if not pod.is_finished]
        ending = sum(pod.is_terminating for pod in leaders)
        led = {pod.labels.get(GROUP_INDEX) for pod in leaders}
        left = {pod.labels.get(GROUP_INDEX) for pod in arm.workers if not pod.is_finished} - led
        return len(leaders) - ending, ending + len(left)
    present = [pod for pod in arm.pods if not pod.is_finished]
    terminating = sum(pod.is_terminating for pod in present)
    return -(-(len(present) - terminating) // arm.step), -(-terminating // arm.step)
