"""The targets of a pool as quotas count them: the preferred one, and each fallback on its own class."""

from collections.abc import Iterator
from typing import NamedTuple

from poolkeeper.controller.pool.arm import Arm
from poolkeeper.controller.pool.pool import Pool
from poolkeeper.core.quota.quota import Holder
from poolkeeper.core.values.identity import TargetKey


class HeldTarget(NamedTuple):
    """One target with what is known of it."""

    holder: Holder
    """The pool's key; of a fallback, with its name."""
    arm: Arm
    key: TargetKey | None
    class_name: str
    at_most: int
    """The most replicas that may be asked of it."""
    noted: int
    """What the pool's status says that it has."""


def targets_of(pool: Pool) -> Iterator[HeldTarget]:
    """All targets, the preferred one first."""
    spec, noted = pool.declaration.spec, _noted(pool)
    most = spec.replicas.max if spec else noted
    class_name = spec.accelerator.class_ if spec else ""
    yield HeldTarget(pool.key, pool, pool.declaration.target, class_name, most, noted)
    for arm in pool.fallbacks:
        arm_most = min(arm.declared.max or most, most)
        holder = (*pool.key, arm.declared.name)
        yield HeldTarget(holder, arm, arm.key, arm.class_name, arm_most, _noted_of(pool, arm.declared.name))


def _noted(pool: Pool) -> int:
    """The replicas that a pool's status says it has; 0 where it says nothing that can be read."""
    replicas = pool.status.get("replicas")
    found = replicas if isinstance(replicas, dict) else {}
    return _number(found.get("desired")) + _number(found.get("terminating"))


def _noted_of(pool: Pool, name: str) -> int:
    """The same of one fallback."""
    arms = pool.status.get("arms")
    found = [each for each in arms if isinstance(each, dict)] if isinstance(arms, list) else []
    return next((_number(each.get("desired")) for each in found if each.get("name") == name), 0)


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
