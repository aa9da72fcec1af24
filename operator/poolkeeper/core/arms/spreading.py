"""Which arms have how many of the replicas that were decided, and where one more tries for capacity.

- More replicas go to the first class that would have them ready in time (`outlook.best`).
- Fewer replicas are taken from the last class first: those without a node, then those without a container,
  and then ready ones, which only a stop by `decide` allows, and not on an arm of which a replica loads.
- While replicas of a dearer class serve, a class before it is tried with replicas beside the decided number.
  They count once they are ready; then the pool has more than it needs, and the dearer ones stop by the rules
  that hold for every stop. So there is never less capacity because of a move.
- A replica that waits for a node for too long while another class serves is given back, and its class is left
  alone for a pause that grows (`scarce`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from poolkeeper.core.arms import outlook, say
from poolkeeper.core.arms.arm import Arm, Spread
from poolkeeper.core.arms.merging import counted
from poolkeeper.core.learning.starts import scarce
from poolkeeper.core.learning.starts.arms import Tried
from poolkeeper.core.learning.starts.scarce import Scarce
from poolkeeper.core.tuning import MOVE_REST_SECONDS
from poolkeeper.core.values.observation import Stage, StartingReplica

_WITHOUT_CONTAINER = (Stage.UNADMITTED, Stage.NO_CONTAINER)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was decided about the pool as a whole."""

    replicas: int
    """The replicas that all arms should have together."""
    most: int
    """The most that they may have at any moment, with those that are tried beside the decided number."""
    deadline: float = math.inf
    """When the next replica should be ready, in Unix seconds; infinity for no such instant."""
    is_stop: bool = False
    """Whether ready replicas may stop, because they are idle or finish their work."""
    has_work: bool = True
    """Whether the pool goes on: a move to another class is worth a start."""
    loads_until: float = math.inf
    """From which age on, in seconds, a replica that runs and is not ready no longer counts as loading."""


@dataclass(slots=True)
class _Draft:
    """A spread that is being made."""

    now: float
    wanted: Wanted
    arms: Sequence[Arm]
    without: Sequence[int]
    numbers: list[int]
    """Per arm, the replicas of the decided number."""
    extra: list[int]
    """Per arm, those beside it."""
    scarce: list[Scarce]
    moved_at: float
    due_at: float = math.inf
    why: list[str] = field(default_factory=list)


def spread(now: float, wanted: Wanted, arms: Sequence[Arm], without: Sequence[int], tried: Tried) -> Spread:
    """How many replicas each arm should have; `without` are those of each arm that don't count."""
    draft = _Draft(
        now=now,
        wanted=wanted,
        arms=arms,
        without=without,
        numbers=[arm.replicas.desired - fewer for arm, fewer in zip(arms, without, strict=True)],
        extra=list(without),
        scarce=[arm.scarce for arm in arms],
        moved_at=tried.moved_at,
    )
    missing = wanted.replicas - sum(draft.numbers)
    if missing > 0:
        _raise(draft, missing)
    elif missing < 0:
        _lower(draft, -missing)
    _give_back(draft)
    if wanted.replicas and wanted.has_work:
        _try(draft)
    return Spread(
        numbers=_within(draft),
        tried=Tried(tuple(draft.extra), draft.moved_at),
        scarce=tuple(draft.scarce),
        why="; ".join(draft.why),
        due_at=min(draft.due_at, _doubtful_at(draft)),
    )


def _raise(draft: _Draft, more: int) -> None:
    """Count on those that load already beside the decided number, and start the rest where it helps most."""
    for at, arm in enumerate(draft.arms):
        loading = sum([each.begun_at is not None for each in arm.replicas.starting])
        taken = min(more, draft.extra[at], loading)
        draft.extra[at] -= taken
        draft.numbers[at] += taken
        more -= taken
    while more > 0:
        rooms = [
            arm.most - number - extra
            for arm, number, extra in zip(draft.arms, draft.numbers, draft.extra, strict=True)
        ]
        best = outlook.best(draft.now, draft.wanted.deadline, draft.arms, rooms)
        if best is None:
            return
        started = min(more, rooms[best])
        draft.numbers[best] += started
        more -= started
        draft.why += say.chosen(draft.now, draft.wanted.deadline, draft.arms, best, started)


def _lower(draft: _Draft, fewer: int) -> None:
    """Take replicas back from the last arm first: those that are least far go first."""
    for stages in (_WITHOUT_CONTAINER[:1], _WITHOUT_CONTAINER):
        for at in reversed(range(len(draft.arms))):
            arm = draft.arms[at]
            left = counted(arm.replicas.starting, draft.without[at])
            started = arm.replicas.desired - draft.without[at] - draft.numbers[at]
            revocable = sum([each.reached in stages for each in left]) - started
            fewer -= _take(draft, at, min(fewer, revocable))
    if not draft.wanted.is_stop:
        return
    for at in reversed(range(len(draft.arms))):
        if not _loads(draft, at):
            fewer -= _take(draft, at, fewer)


def _take(draft: _Draft, at: int, fewer: int) -> int:
    taken = max(0, min(fewer, draft.numbers[at])) if draft.arms[at].may_write else 0
    draft.numbers[at] -= taken
    return taken


def _give_back(draft: _Draft) -> None:
    """Of the replicas that don't count, those stay that load, and one that waits for a node, until its class
    has had its time: also where the pool has nothing to do any more, or a pool that seldom works would never
    see that capacity has returned."""
    now, wanted = draft.now, draft.wanted
    room = max(0, wanted.most - sum(draft.numbers))
    may_wait = 1
    for at, arm in enumerate(draft.arms):
        asked_at = max([each.asked_at for each in arm.pending], default=None)
        due_at = math.inf if asked_at is None else asked_at + arm.patience_seconds
        if asked_at is not None and now >= due_at:
            draft.scarce[at] = scarce.in_vain(draft.scarce[at], asked_at, now)
        if not draft.extra[at]:
            draft.due_at = min(draft.due_at, due_at if due_at > now else math.inf)
            continue
        waiting = min(draft.extra[at], len(arm.pending))
        loading = draft.extra[at] - waiting
        kept = min(waiting, may_wait, max(0, room - loading)) if now < due_at else 0
        if not wanted.replicas and not _loads(draft, at):
            loading = 0
        given_back = min(waiting - kept, _revocable(arm)) if arm.may_write else 0
        draft.extra[at] = loading + waiting - given_back
        room -= draft.extra[at]
        may_wait -= min(kept, may_wait)
        if kept:
            draft.due_at = min(draft.due_at, due_at)
        if given_back and now >= due_at:
            draft.why.append(say.given_back(now, arm, draft.scarce[at], given_back))


def _try(draft: _Draft) -> None:
    """While a dearer class serves, try the classes before it, the first one first."""
    now, arms = draft.now, draft.arms
    if any(draft.extra):
        return
    for at, arm in enumerate(arms):
        dearer = sum(
            [min(arms[other].replicas.ready, draft.numbers[other]) for other in range(at + 1, len(arms))]
        )
        if not dearer:
            return
        room = min(arm.most - draft.numbers[at], draft.wanted.most - sum(draft.numbers))
        if room <= 0 or not arm.may_write or arm.replicas.starting:
            continue
        known = draft.scarce[at]
        may_try_at = max(draft.moved_at + MOVE_REST_SECONDS, known.asks_at if known.is_short else -math.inf)
        if now < may_try_at:
            draft.due_at = min(draft.due_at, may_try_at)
            continue
        draft.extra[at] = 1 if known.is_short else min(dearer, room)
        draft.scarce[at] = scarce.asked(known, arm.patience_seconds, now)
        draft.moved_at = now
        draft.why.append(say.tried(arm, known, draft.extra[at]))
        return


def _loads(draft: _Draft, at: int) -> bool:
    """Whether a replica of the arm runs and is not ready yet: lowering the arm could end it, or one that
    works instead."""
    return any(
        _is_loading(draft.now, each, draft.wanted.loads_until) for each in draft.arms[at].replicas.starting
    )


def _is_loading(now: float, starting: StartingReplica, loads_until: float) -> bool:
    if starting.stage is not Stage.RUNNING or starting.failure or starting.begun_at is None:
        return False
    return now < starting.begun_at + loads_until


def _revocable(arm: Arm) -> int:
    """How many of the replicas that wait for a node can be given back without ending another one."""
    return sum([each.reached is Stage.UNADMITTED for each in arm.pending])


def _within(draft: _Draft) -> tuple[int, ...]:
    """The numbers; the present one where an arm may not be written, and no raise above the most of all arms,
    where replicas that should be given back can't be."""
    numbers = [number + extra for number, extra in zip(draft.numbers, draft.extra, strict=True)]
    for at, arm in enumerate(draft.arms):
        if not arm.may_write:
            numbers[at] = arm.replicas.desired
    above = sum(numbers) - draft.wanted.most
    for at in reversed(range(len(numbers))):
        raised = numbers[at] - draft.arms[at].replicas.desired
        taken = max(0, min(above, raised))
        numbers[at] -= taken
        above -= taken
    return tuple(numbers)


def _doubtful_at(draft: _Draft) -> float:
    """When the next replica that waits for a node may be given up in favour of another arm."""
    if math.isinf(draft.wanted.deadline):
        return math.inf
    times = [
        outlook.doubtful_at(draft.now, arm, each)
        for arm, extra in zip(draft.arms, draft.extra, strict=True)
        for each in arm.pending[extra:]
    ]
    return min(times, default=math.inf)
