"""One target of a pool: the preferred one, which the pool holds itself, or one of its fallbacks."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from poolkeeper.api.pool import AcceleratorPoolSpec, Fallback
from poolkeeper.controller.pool.held.news import NO_NEWS, News
from poolkeeper.controller.pool.pod_selection import is_group_set
from poolkeeper.controller.pool.refusals import NO_SHORTAGE, Shortage
from poolkeeper.controller.pool.replicas.groups import Shape, replicas_of
from poolkeeper.controller.pool.starts import Starts
from poolkeeper.controller.pool.surroundings import Surroundings
from poolkeeper.controller.pool.target import Target
from poolkeeper.controller.pool.translate import target_key
from poolkeeper.core.billing.amounts import Unit
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.watch.pod import Pod


class Arm(Protocol):
    """What is known of one target; a pool itself is its first arm. Fields as in `Pool`."""

    target: Target
    starts: Starts
    pods: tuple[Pod, ...]
    workers: tuple[Pod, ...]
    surroundings: Surroundings
    shortage: Shortage
    pod_news: News

    @property
    def step(self) -> int:
        """How many of what the target counts are one replica."""

    @property
    def replicas(self) -> tuple[Pod, ...]:
        """The target's replicas, those of several pods each as one."""


class Shown(NamedTuple):
    """What the status says about one arm, beside its replicas."""

    name: str
    class_name: str
    desired: int
    ready: int
    starting: int
    message: str


@dataclass(slots=True)
class FallbackArm:
    """One of the fallbacks. In parentheses: who writes the field, as in `Pool`."""

    declared: Fallback
    """As its author wrote it."""
    key: TargetKey
    """Its target."""
    target: Target
    """Its /scale as last read or written (observer, reconciler, readings)."""
    starts: Starts = field(default_factory=Starts)
    """Its replicas that were asked for and are not ready yet (observer, reconciler)."""
    pods: tuple[Pod, ...] = ()
    """The pods that match its selector (readings, observer)."""
    workers: tuple[Pod, ...] = ()
    """The other pods of its groups, where its replicas are groups (readings, observer)."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    """Its pod template and other scalers (observer, reconciler)."""
    shortage: Shortage = NO_SHORTAGE
    """Why its replicas have no pods (observer)."""
    pod_news: News = NO_NEWS
    """What events say of one of its pods that waits (observer)."""
    unit: Unit | None = None
    """What one of its replicas holds and costs; None until its class was known (metering)."""

    @property
    def step(self) -> int:
        """A pool with fallbacks has no steps."""
        return 1

    @property
    def replicas(self) -> tuple[Pod, ...]:
        """As of a pool."""
        around = self.surroundings
        shape = Shape(
            is_group=is_group_set(self.key),
            size=around.size.pods,
            has_late_workers=around.has_late_workers,
            by_ordinal=self.key.kind == "StatefulSet",
        )
        return replicas_of(self.pods, self.workers, shape)

    @property
    def class_name(self) -> str:
        return self.declared.accelerator.class_

    @property
    def label(self) -> str:
        """What people call its class, with the market where one is declared."""
        market = self.declared.market
        return f"{self.class_name} ({market})" if market else self.class_name


def fallback_arms(
    namespace: str, spec: AcceleratorPoolSpec | None, before: tuple[FallbackArm, ...], *, is_edited: bool
) -> tuple[FallbackArm, ...]:
    """The fallbacks of a declaration; what is known of those that stay is kept. `is_edited`: past decisions
    are about other targets than the new ones."""
    known = {(each.key, each.class_name, each.declared.market): each for each in before}
    found = []
    for declared in (spec.fallbacks or ()) if spec else ():
        key = target_key(namespace, declared.target_ref)
        arm = known.get((key, declared.accelerator.class_, declared.market))
        arm = arm or FallbackArm(declared, key, Target(is_new=is_edited))
        arm.declared = declared
        found.append(arm)
    return tuple(found)
