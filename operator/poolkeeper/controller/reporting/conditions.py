"""The conditions of a pool: statements that are True when all is well, else with what to do about it."""

from collections.abc import Collection, Sequence
from enum import StrEnum

from poolkeeper.advice.writers import writer_advice
from poolkeeper.controller.pool.contest import CONTESTED, KEEPS_CHANGING
from poolkeeper.core.policy import say
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.observation import Held, Replicas
from poolkeeper.kube.objects.managed_fields import ReplicaWriter
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.transport.errors import ApiUnreachable, KubeFailure

HOLDING = "Until then, the replicas stay as they are."
UNDECIDED = Verdict(None, "Undecided", "no decision has been made yet")


class ConditionType(StrEnum):
    """Names of the conditions, as in `kubectl wait --for=condition=Ready`. True means that all is well;
    ScaledToZero is a state and no judgement."""

    READY = "Ready"
    DEMAND_KNOWN = "DemandKnown"
    BUDGET_ATTAINABLE = "BudgetAttainable"
    SCALED_TO_ZERO = "ScaledToZero"
    WITHIN_LIMITS = "WithinLimits"
    SOLE_WRITER = "SoleWriter"
    STARTS_SUCCEED = "StartsSucceed"
    NO_ORPHANS = "NoOrphans"
    READINESS_PROBED = "ReadinessProbed"
    PLACEMENT_MATCHES = "PlacementMatches"
    SERVICE_SUITABLE = "ServiceSuitable"
    WITHIN_BUDGET = "WithinBudget"
    BILL_KEPT = "BillKept"
    REPLICAS_WHOLE = "ReplicasWhole"
    PARTNERS_FOUND = "PartnersFound"


MANAGED = Verdict(True, "Managed", "the operator manages the replicas of this pool")
OBSERVED = Verdict(
    True, "Observed", "mode is Observe: decisions are recorded, and nothing is written to the target"
)
SOLE_WRITER = Verdict(True, "NoOtherWriter", "only this pool changes the replicas of the target")
WRITERS_UNSEEN = Verdict(
    None, "TargetUnknown", "the target can't be read, so nobody knows who changes its replicas"
)


def scaled_to_zero(replicas: Replicas | None) -> Verdict:
    """Whether the pool has no replicas, so that it uses no accelerator."""
    if replicas is None:
        return Verdict(None, "TargetUnknown", "the target can't be read")
    if replicas.desired:
        return Verdict(False, "ReplicasWanted", f"the target should have {_replicas(replicas.desired)}")
    if replicas.ready or replicas.terminating:
        running = replicas.ready + replicas.terminating
        run = "runs" if running == 1 else "run"
        return Verdict(False, "ReplicasStopping", f"{_replicas(running)} still {run} and should stop")
    return Verdict(True, "NoReplicas", "no replica runs, and none is wanted")


def replicas_whole(scale: Scale | None, step: int) -> Verdict:
    """Whether the target has a multiple of the pods that are one replica."""
    if scale is None:
        return Verdict(None, "TargetUnknown", "the target can't be read")
    if not scale.lacking:
        return Verdict(True, "WholeReplicas", f"the target has {_pods(scale.pods)}, {step} for each replica")
    return Verdict(
        False,
        "PartOfReplica",
        f"the target has {_pods(scale.pods)}, which is no multiple of replicas.step ({step}), so its last "
        f"replica can't serve: it counts as {_replicas(scale.replicas)}, and the operator makes the last one "
        f"whole or removes it. Set multiples of {step} only",
    )


def invalid_spec(problem: str) -> Verdict:
    return Verdict(
        False,
        "InvalidSpec",
        f"{problem}; correct it, or install the CRD of the operator's version. {HOLDING}",
    )


def unknown_class(name: str, known: Collection[str], *, is_held: bool) -> Verdict:
    """A pool that has read the class before goes on with the figures from then."""
    offer = f"there are {', '.join(sorted(known)[:20])}" if known else "there are none"
    effect = (
        HOLDING
        if is_held
        else "Until the operator restarts, it uses the figures of the class that it read last."
    )
    return Verdict(
        False,
        "UnknownClass",
        f"no AcceleratorClass is named {name!r}: name one that exists ({offer}), or create it. {effect}",
    )


def class_for_training(name: str) -> Verdict:
    """The vendor offers the accelerator for training, so a pool of model servers is likely a mistake."""
    return Verdict(
        False,
        "ClassForTraining",
        f"class {name} is for training, and a pool serves: name another class in spec.accelerator.class, or "
        f"set spec.accelerator.allowTraining to true. {HOLDING}",
    )


def unreadable_target(failure: KubeFailure) -> Verdict:
    holds = None if isinstance(failure, ApiUnreachable) else False
    return Verdict(holds, _as_reason(failure.reason), failure.message)


def unknown_pods(selector: str) -> Verdict:
    found = f"the selector {selector!r} that can't be read" if selector else "no selector"
    return Verdict(
        False,
        "SelectorUnknown",
        f"/scale of the target gives {found}, so its pods can't be seen: set labelSelectorPath in the CRD of "
        f"its kind and have its controller fill that field. {HOLDING}",
    )


def invalid_windows(problems: Sequence[str]) -> Verdict:
    return Verdict(
        False, "InvalidWindow", f"{'; '.join(problems)}. Such a window is ignored until it is corrected."
    )


def internal_error(error: Exception) -> Verdict:
    """The operator has a bug, which affects this pool only."""
    return Verdict(
        False,
        "InternalError",
        f"the operator failed to decide ({type(error).__name__}) and tries again; its log has the details",
    )


def shared_target(owner: PoolKey) -> Verdict:
    return Verdict(
        False,
        "TargetShared",
        f"the older pool {owner.name} scales the same target: delete one of the two. Until then, this pool "
        "writes nothing.",
    )


def other_scaler(description: str, reason: str) -> Verdict:
    return Verdict(
        False,
        reason,
        f"{description} scales the same target: delete it or this pool. Until then, this pool writes "
        "nothing.",
    )


def unknown_scalers(why: str) -> Verdict:
    return Verdict(
        None, "ScalersUnknown", f"autoscalers can't be listed, so one may scale the same target: {why}"
    )


def contested(writer: ReplicaWriter | None, changed_at: float) -> Verdict:
    """Another writer keeps changing the replicas; `changed_at` is when that was last seen."""
    at = say.time_of_day(changed_at if writer is None or writer.at is None else writer.at)
    return Verdict(
        False,
        CONTESTED,
        f"{writer or say.ANOTHER_WRITER}{KEEPS_CHANGING}, last at {at}; {writer_advice(writer)}",
    )


def written_rarely(name: str, pause_seconds: float, held: Held | None) -> Verdict:
    """What follows for the pool: it writes, but rarely."""
    next_at = f", not before {say.time_of_day(held.until)}" if held else ""
    return Verdict(
        False,
        CONTESTED,
        f"{name or say.ANOTHER_WRITER}{KEEPS_CHANGING}, so the operator writes them at most "
        f"once in {pause_seconds:.0f} s{next_at}: the condition SoleWriter says what to do",
    )


def _replicas(number: int) -> str:
    return "1 replica" if number == 1 else f"{number} replicas"


def _pods(number: int) -> str:
    return "1 pod" if number == 1 else f"{number} pods"


def _as_reason(text: str) -> str:
    return text if text.isidentifier() else "TargetUnavailable"
