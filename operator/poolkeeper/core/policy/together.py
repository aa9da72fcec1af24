"""Pools that are only useful together, such as prefill and decode: all of them are up, or all are at zero.

What a pool wants by itself depends on its own demand only, never on its partners, so partners can't keep each
other up. A pool is up while it wants replicas itself or a partner does. The last replicas stop once no pool
of the group wants any and each of them may stop: so no pool hands its Service over in vain, and none stops
while a request is still on its way to another.
"""

from collections.abc import Iterable
from typing import NamedTuple

from poolkeeper.core.policy.case import Case, Choice
from poolkeeper.core.values.decision import Reason
from poolkeeper.core.values.observation import Partner


class Wish(NamedTuple):
    """What a pool shows its partners."""

    wants: int
    """The replicas that it wants by itself."""
    may_stop: bool
    """Whether nothing but its partners keeps its last replicas."""
    asks: int = 0
    """The replicas that it would want if no quota held it back."""


def come_up(case: Case, choice: Choice, partners: Iterable[Partner]) -> Choice:
    """A pool that wants nothing itself is up while a partner wants replicas, as far as quota allows. While it
    is not known what a partner wants, nothing stops and nothing starts."""
    if choice.replicas:
        return choice
    wanting = [each for each in partners if each.wants]
    unknown = [each for each in partners if each.wants is None]
    kept = min(1, case.limits.ceiling)
    if wanting and kept:
        held = f"; {case.trouble.sentence}" if case.trouble else ""
        message = f"up together with {_names(wanting)}{held}"
        return Choice(kept, Reason.WITH_PARTNERS, message, choice.due_at)
    if unknown and not wanting and case.replicas.desired and kept:
        message = f"kept, because nothing has been decided yet about {_names(unknown)}, which stops with it"
        return Choice(case.replicas.desired, Reason.WITH_PARTNERS, message, choice.due_at)
    return choice


def asking(partners: Iterable[Partner]) -> tuple[Partner, ...]:
    """The partners as if no quota held them back: quota has to admit all of them or none."""
    return tuple(each._replace(wants=each.asks) if each.asks else each for each in partners)


def stop_together(case: Case, choice: Choice, partners: Iterable[Partner]) -> Choice:
    """The last replicas stay until those of each partner may stop too."""
    busy = [each for each in partners if not each.may_stop]
    if choice.replicas or not case.replicas.desired or not case.limits.ceiling or not busy:
        return choice
    message = f"{choice.message}; this waits until the last replicas of {_names(busy)} may stop too"
    return Choice(case.replicas.desired, Reason.STOPPING_TOGETHER, message, choice.due_at)


def naming(choice: Choice, partners: Iterable[Partner]) -> Choice:
    """The choice of a pool that wants replicas itself, with the pools that are up because of it."""
    idle = [each for each in partners if each.wants == 0]
    if not idle or not choice.replicas:
        return choice
    return choice._replace(message=f"{choice.message}; up with it: {_names(idle)}")


def _names(partners: Iterable[Partner]) -> str:
    names = [each.name for each in partners]
    return f"pool {names[0]}" if len(names) == 1 else f"the pools {', '.join(names)}"
