"""The sentences about the choice of a class: what was chosen, and why, with the numbers."""

import math
from collections.abc import Sequence

from poolkeeper.core.arms import outlook
from poolkeeper.core.arms.arm import Arm
from poolkeeper.core.learning.starts.scarce import Scarce
from poolkeeper.core.policy.say import count

MICRO = 1_000_000


def chosen(now: float, deadline: float, arms: Sequence[Arm], at: int, started: int) -> list[str]:
    """Why replicas start on this arm; nothing for the preferred one, which needs no reason."""
    if at == 0:
        return []
    before = " and ".join(_why_not(now, deadline, arm) for arm in arms[:at])
    return [f"{before}, so {_replicas(started, 'starts', 'start')} on {arms[at].name}{_price(arms[at])}"]


def tried(arm: Arm, known: Scarce, replicas: int) -> str:
    """A class that comes before the one that serves is asked for replicas."""
    why = (
        "to find out whether it has capacity again"
        if known.is_short
        else "which comes before what serves now"
    )
    return f"{_replicas(replicas, 'is', 'are')} asked for on {arm.name}, {why}"


def given_back(now: float, arm: Arm, known: Scarce, replicas: int) -> str:
    """A class was asked in vain."""
    waited = now - min([each.asked_at for each in arm.pending], default=now)
    return (
        f"{_replicas(replicas, 'has', 'have')} waited {duration(waited)} for a node of {arm.name} and "
        f"{'is' if replicas == 1 else 'are'} given back; the class is asked again in "
        f"{duration(max(known.asks_at - now, 0.0))} at the earliest"
    )


def duration(seconds: float) -> str:
    """About so long, in one unit: 45 s, 4 min, 2 h."""
    if seconds < 120.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200.0 else f"{seconds / 3600:.0f} h"


def _why_not(now: float, deadline: float, arm: Arm) -> str:
    if not arm.may_write:
        return f"the replicas on {arm.name} can't be changed now"
    if arm.scarce.is_short:
        return f"{arm.name} has had no capacity for {duration(now - arm.scarce.since)}"
    waiting = [now - each.asked_at for each in arm.pending if outlook.is_doubtful(now, arm, each)]
    if waiting:
        usual = f", and usually waits {duration(arm.wait_seconds)}" if arm.wait_seconds else ""
        return f"a replica has waited {duration(max(waiting))} for a node of {arm.name}{usual}"
    if arm.replicas.desired >= arm.most:
        return f"{arm.name} may have no more than {count(arm.most, 'replica')}"
    needed = outlook.new_seconds(now, arm)
    left = "" if math.isinf(deadline) else f", and the budget leaves {duration(max(deadline - now, 0.0))}"
    return f"a replica on {arm.name} should be ready in {duration(needed)}{left}"


def _price(arm: Arm) -> str:
    if arm.micro_dollars_per_hour is None:
        return ""
    return f", which costs ${arm.micro_dollars_per_hour / MICRO:.3g} an hour"


def _replicas(number: int, one: str, many: str) -> str:
    return f"{count(number, 'replica')} {one if number == 1 else many}"
