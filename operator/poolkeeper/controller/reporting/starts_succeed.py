"""The condition StartsSucceed: whether the last start of a pool succeeded, and else what to do.

A start that fails is often gone when somebody looks: the requests were given up, and the pod went with them.
So what was seen stands until a start succeeds, also over restarts of the operator, which reads its conditions
back from the status.
"""

from poolkeeper.api.status import ConditionStatus
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.core.policy.failing import READINESS_OVERDUE
from poolkeeper.core.values.admission import (
    ADMISSION_REFUSED,
    IMAGE_PULLING,
    NODE_PROVISIONING,
    ORDINAL_OCCUPIED,
    QUOTA_EXCEEDED,
    SCHEDULING_GATED,
    UNSCHEDULABLE,
)
from poolkeeper.core.values.decision import Trouble, Verdict
from poolkeeper.core.values.observation import POD_MISSING

NO_START_YET = Verdict(None, "NoStartYet", "no start has been seen yet")
SUCCEEDED = Verdict(True, "LastStartSucceeded", "the last start has succeeded")
CRASHES = frozenset({"CrashLoopBackOff", "RunContainerError", "Error"})
REMEDIES = {
    QUOTA_EXCEEDED: "Raise that quota, or free some of it",
    ADMISSION_REFUSED: "Correct the pod template, or the policy that refused the pod",
    SCHEDULING_GATED: "What has set the gate has to open it: Kueue, for example, once its queue has quota",
    UNSCHEDULABLE: "Add a node that fits, or correct the pod template",
    NODE_PROVISIONING: "Wait for the node; with Karpenter, kubectl get nodeclaims shows how far it is",
    IMAGE_PULLING: "Use a smaller image, pull it to the nodes beforehand, or turn on image streaming",
    ORDINAL_OCCUPIED: "Look at that pod, and at the node that it is on",
    POD_MISSING: "Look at the events of the target. A StatefulSet whose pods are ranks of one server needs "
    "podManagementPolicy: Parallel, since its ranks wait for each other",
    READINESS_OVERDUE: "Check the readiness probe: it passes too late if the replica already works",
}
"""What helps, by reason."""
_HOLDS = {ConditionStatus.TRUE: True, ConditionStatus.FALSE: False, ConditionStatus.UNKNOWN: None}


def starts_succeed(pool: Pool) -> Verdict:
    """The verdict for the condition."""
    decision, state = pool.decision, pool.state
    if decision is not None and decision.trouble is not None:
        return in_trouble(decision.trouble, pool.key.namespace)
    before = pool.history.conditions.get(ConditionType.STARTS_SUCCEED)
    if decision is None or not pool.are_replicas_known:
        # Nothing is seen of the pods now.
        return Verdict(_HOLDS[before.status], before.reason, before.message) if before else NO_START_YET
    failed = state.attempts.failed if state else 0
    is_up = state is not None and bool(state.ready) and pool.are_replicas_known
    if before is not None and before.status is ConditionStatus.FALSE and not (is_up and not failed):
        return Verdict(False, before.reason, before.message)
    if state is None:
        return NO_START_YET
    if failed:
        return Verdict(False, state.attempts.reason or "StartFailed", _failed(failed))
    return SUCCEEDED if is_up or state.starts.samples else NO_START_YET


def in_trouble(trouble: Trouble, namespace: str) -> Verdict:
    """The verdict on a start that does not succeed now."""
    remedy = REMEDIES.get(trouble.reason, "")
    look = ""
    if trouble.pod and trouble.reason != POD_MISSING:
        look = f"Look: kubectl describe pod {trouble.pod} -n {namespace}"
        if trouble.reason in CRASHES:
            look = f"{look}; kubectl logs {trouble.pod} -n {namespace} --all-containers --previous"
    message = ". ".join(filter(None, (trouble.sentence.rstrip("."), remedy, look)))
    return Verdict(None if trouble.may_pass else False, trouble.reason, message)


def _failed(attempts: int) -> str:
    return "the last attempt to start has failed" if attempts == 1 else f"the last {attempts} attempts failed"
