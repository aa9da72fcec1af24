"""What is at stake for a pool that shares a quota: what it can't give up, and what it would have without
one."""

import math

from poolkeeper.core.policy.case import Case, Choice
from poolkeeper.core.policy.stopping import spared_at
from poolkeeper.core.values.stake import Stake


def at_stake(case: Case, unlimited: Case, wanted: Choice, *, is_shared: bool = False) -> Stake:
    """The stake of a pool, given the same case without the quota and what would be chosen in that.
    `is_shared`: a partner wants replicas, so that one of this pool is as good as one that works.

    Replicas that drain may be ended while they work, but to others they are worth less than idle ones: they
    count as needed while there is work.
    """
    workload, desired, spec = case.workload, case.replicas.desired, case.spec
    free_at = spared_at(case) if workload.is_empty else math.inf
    needed = desired if math.isinf(free_at) else min(desired, 1) if is_shared else 0
    return Stake(
        needed=needed,
        wanted=max(wanted.replicas, needed) if wanted.replicas > desired else needed,
        floor=unlimited.limits.floor,
        waiting=workload.queued or (1 if is_shared and not desired else 0),
        slots=spec.concurrency,
        deadline=workload.waiting[0].arrived_at + spec.budget_seconds if workload.waiting else math.inf,
        free_at=free_at,
    )
