"""The facts about a pool that people read first, each with what to do about it."""

from collections.abc import Collection, Sequence
from enum import StrEnum

from poolkeeper.core.values.decision import Decision, Verdict
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.core.values.observation import Replicas
from poolkeeper.kube.transport.errors import ApiUnreachable, KubeFailure

_UNDECIDED = Verdict(None, "Undecided", "nothing has been decided yet")


class ConditionType(StrEnum):
    """Names of the conditions, as in `kubectl wait --for=condition=Ready`."""

    READY = "Ready"
    DEMAND_KNOWN = "DemandKnown"
    BUDGET_ATTAINABLE = "BudgetAttainable"
    SCALED_TO_ZERO = "ScaledToZero"
    WITHIN_LIMITS = "WithinLimits"
    SOLE_WRITER = "SoleWriter"
    PLACEMENT_MATCHES = "PlacementMatches"
    SERVICE_SUITABLE = "ServiceSuitable"


MANAGED = Verdict(True, "Managed", "the pool is being managed")
OBSERVED = Verdict(True, "Observed", "mode Observe: decisions are recorded and nothing is written")
SOLE_WRITER = Verdict(True, "NoOtherWriter", "only this pool changes the replicas of the target")


def from_decision(decision: Decision | None) -> dict[str, Verdict]:
    """What the decision itself says."""
    return {
        ConditionType.DEMAND_KNOWN: decision.demand_known if decision else _UNDECIDED,
        ConditionType.BUDGET_ATTAINABLE: decision.budget_attainable if decision else _UNDECIDED,
        ConditionType.WITHIN_LIMITS: decision.within_limits if decision else _UNDECIDED,
    }


def scaled_to_zero(replicas: Replicas | None) -> Verdict:
    """Whether the pool costs nothing now."""
    if replicas is None:
        return Verdict(None, "TargetUnknown", "the target can't be read")
    if replicas.desired:
        return Verdict(False, "ReplicasWanted", f"{replicas.desired} replicas are wanted")
    if replicas.ready or replicas.terminating:
        running = replicas.ready + replicas.terminating
        return Verdict(False, "ReplicasStopping", f"{running} replicas are still running")
    return Verdict(True, "NoReplicas", "no replica runs or is wanted")


def invalid_spec(problem: str) -> Verdict:
    """The declaration can't be read by this version."""
    return Verdict(
        False,
        "InvalidSpec",
        f"{problem}; correct it, or install the CRD of the operator's version. Replicas hold.",
    )


def unknown_class(name: str, known: Collection[str], *, is_held: bool) -> Verdict:
    """The class does not exist; a pool that knew it goes on with what it knows."""
    offer = f"there are {', '.join(sorted(known)[:20])}" if known else "there are none"
    effect = "Replicas hold." if is_held else "Its last known figures are used until the operator restarts."
    return Verdict(
        False,
        "UnknownClass",
        f"there is no AcceleratorClass {name!r}: name one that exists ({offer}), or create it. {effect}",
    )


def unreadable_target(failure: KubeFailure) -> Verdict:
    """The target can't be read or scaled."""
    holds = None if isinstance(failure, ApiUnreachable) else False
    return Verdict(holds, _as_reason(failure.reason), failure.message)


def unknown_pods(selector: str) -> Verdict:
    """The target does not say which pods are its own."""
    found = f"the selector {selector!r} that can't be read" if selector else "no selector"
    return Verdict(
        False,
        "SelectorUnknown",
        f"/scale of the target gives {found}, so its pods can't be seen: set labelSelectorPath in the CRD of "
        "its kind and have its controller fill that field. Replicas hold.",
    )


def invalid_windows(problems: Sequence[str]) -> Verdict:
    """Some windows can't be followed; the rest of the pool goes on."""
    return Verdict(False, "InvalidWindow", f"{'; '.join(problems)}. Until it is corrected it is left out.")


def internal_error(error: Exception) -> Verdict:
    """We have a bug; only this pool suffers from it."""
    return Verdict(
        False,
        "InternalError",
        f"the operator could not decide ({type(error).__name__}) and tries again; its log says more",
    )


def shared_target(owner: PoolKey) -> Verdict:
    """An older pool has the same target."""
    return Verdict(
        False,
        "TargetShared",
        f"pool {owner.name} scales the same target and is older: delete one of them. This one does nothing.",
    )


def other_scaler(description: str, reason: str) -> Verdict:
    """An autoscaler has the same target."""
    return Verdict(
        False,
        reason,
        f"{description} scales the same target: delete it or the pool. Until then nothing is written.",
    )


def unknown_scalers(why: str) -> Verdict:
    """Autoscalers could not be listed."""
    return Verdict(None, "ScalersUnknown", f"whether an autoscaler has the same target is unknown: {why}")


def contested(times: int) -> Verdict:
    """Somebody keeps changing the replicas."""
    return Verdict(
        False,
        "ReplicasChangedElsewhere",
        f"somebody else has changed the replicas {times} times in ten minutes: find out who (a deployment "
        "tool that applies spec.replicas?) and stop it",
    )


def _as_reason(text: str) -> str:
    return text if text.isidentifier() else "TargetUnavailable"
