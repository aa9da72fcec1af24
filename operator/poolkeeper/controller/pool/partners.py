"""Pools that come up and go to zero together: who they are, and what each should know of the others."""

from collections.abc import Sequence

from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.store import Store
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.observation import Partner

MOST_TOGETHER = 32
"""Pools of one group that are followed, so that a chain through a whole namespace costs no more."""


def group_of(store: Store, pool: Pool) -> tuple[Pool, ...]:
    """The pools that are only useful together, this one first: those that it names in `with` or that name it,
    and so on. Also what quota has to admit as one. A pool without partners is a group of one."""
    found, waiting = {pool.key: pool}, [pool.key]
    while waiting and len(found) < MOST_TOGETHER:
        for key in sorted(store.linked(waiting.pop(0)) - found.keys())[: MOST_TOGETHER - len(found)]:
            linked = store.get(key)
            if linked is not None:
                found[key] = linked
                waiting.append(key)
    return tuple(found.values())


def partners_of(store: Store, pool: Pool) -> tuple[Partner, ...]:
    """The other pools of the group, as they were decided on last."""
    return tuple(partner(each) for each in group_of(store, pool)[1:])


def partner(pool: Pool) -> Partner:
    """What a pool shows its partners: its last decision, and nothing before the first. What has happened
    since then may be a request, so it may not stop before it is decided on again."""
    decision = pool.decision
    if decision is None:
        return Partner(pool.key.name, None, may_stop=False)
    may_stop = decision.may_stop and pool.news_decided == pool.own_news
    return Partner(pool.key.name, decision.wants, may_stop, decision.asks)


def is_news(before: Partner, after: Partner) -> bool:
    """Whether partners may decide otherwise because of it: how many replicas a pool wants does not matter."""
    return _in_short(before) != _in_short(after)


def _in_short(shown: Partner) -> tuple[bool, bool, bool, bool]:
    return shown.wants is None, bool(shown.wants), shown.may_stop, bool(shown.asks)


def partners_found(store: Store, pool: Pool) -> Verdict | None:
    """The verdict for the condition PartnersFound; None for a pool without partners."""
    missing = sorted(key.name for key in pool.declaration.partners if store.get(key) is None)
    if missing:
        return Verdict(
            False,
            "PartnerMissing",
            f"namespace {pool.key.namespace} has no {_names(missing)}, which spec.with names: create it, or "
            "remove its name. Until then, this pool goes on without it",
        )
    others = group_of(store, pool)[1:]
    if not others:
        return None
    undecided = [each.key.name for each in others if each.decision is None]
    if undecided:
        return Verdict(
            None,
            "PartnerUndecided",
            f"nothing has been decided about {_names(undecided)}, so the last replicas of this pool stay: "
            "look at its condition Ready",
        )
    names = _names([each.key.name for each in others])
    return Verdict(True, "PartnersFound", f"this pool comes up and goes to zero with {names}")


def _names(names: Sequence[str]) -> str:
    return f"pool {names[0]}" if len(names) == 1 else f"pools {', '.join(names)}"
