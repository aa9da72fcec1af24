"""The pod template of a pool's target and its other scalers, read now and then."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

from poolkeeper.advice.placement.check import placement_verdict
from poolkeeper.advice.placement.remark import Placement
from poolkeeper.advice.placement.size import PodsAsking, asking, replica_size
from poolkeeper.advice.placement.units import classes_to_ask
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.core.values.decision import Verdict
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.core.values.replica_size import UNSIZED, ReplicaSize
from poolkeeper.kube.objects.conflicts import NamespaceScalers, Scaler
from poolkeeper.kube.objects.devices.claims import PodClaims
from poolkeeper.kube.objects.managed_fields import ReplicaWriter
from poolkeeper.kube.objects.targets import PodsOfReplica, Target
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.watch.containers import Container, project_containers

REREAD_SECONDS = 300.0
RETRY_SECONDS = 60.0
RIVAL_SECONDS = 10.0
"""How often a known rival is looked for again: the pool may not write until the rival is gone."""
SCALERS_KEPT_SECONDS = 60.0

UNREAD = Verdict(None, "NotReadYet", "the target's pod template has not been read yet")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was found around a target."""

    placement: Verdict = UNREAD
    """Whether the pod template fits the class."""
    size: ReplicaSize = UNSIZED
    """How many chips of the class one replica holds. What was read last counts while it can't be read."""
    has_late_workers: bool = False
    """Whether the workers of a group are only made once its leader is Ready. What was read last counts."""
    containers: tuple[Container, ...] = ()
    """The containers of the pod template that serve or may; none where it can't be read."""
    scalers: tuple[Scaler, ...] = ()
    """Other scalers of the target."""
    scalers_unknown: str = "they have not been looked for yet"
    """Why there may be more scalers; empty where all are known."""
    is_unsettled: bool = False
    """Whether a resource claim is missing or can't be read, which may change at any moment."""
    expires_at: float = 0.0
    """Unix seconds at which the surroundings are read again."""
    placement_expires_at: float = 0.0
    """Unix seconds at which the pod template is read again while a rival is looked for more often."""

    @property
    def due_at(self) -> float | None:
        """When they are read again even if nothing happens; None where they need not be."""
        return self.expires_at if self.scalers or self.is_unsettled else None

    @property
    def may_be_of_another_class(self) -> bool:
        """Whether the pod template was read and does not fit, or its chips can't be counted."""
        return self.placement != UNREAD and (self.placement.holds is not True or self.size.chips is None)

    @property
    def template_read_at(self) -> float:
        """Unix seconds at which the pod template was read."""
        return self.placement_expires_at - REREAD_SECONDS


class _Template(NamedTuple):
    """What the pod templates of a replica show."""

    placement: Verdict
    containers: tuple[Container, ...]
    size: ReplicaSize
    has_late_workers: bool = False
    has_problems: bool = False
    """Whether the size or the placement is not known because of claims, which may change any minute."""


class SurroundingsReader:
    """Reads the surroundings of targets. A part that can't be read is unknown and stops nothing; a known
    scaler counts until a list without it was read."""

    def __init__(
        self,
        read_target: Callable[[TargetKey], Awaitable[Target]],
        list_scalers: Callable[[str], Awaitable[NamespaceScalers]],
        read_claims: Callable[[str, Mapping[str, Any], Iterable[str]], Awaitable[PodClaims]],
        clock: Callable[[], float],
        classes: Mapping[str, AcceleratorClassSpec] | None = None,
    ) -> None:
        self._read_target = read_target
        self._list_scalers = list_scalers
        self._read_claims = read_claims
        self._clock = clock
        self._classes = {} if classes is None else classes
        self._scalers: dict[str, tuple[float, asyncio.Task[NamespaceScalers]]] = {}

    async def read(
        self,
        target: TargetKey,
        class_name: str,
        accelerator: AcceleratorClassSpec | None,
        before: Surroundings,
        *,
        step: int = 1,
    ) -> Surroundings:
        """What is around the target now, given what was there before. The placement stays as it was where the
        class is gone. `step` pods of the target are one replica."""
        now, placement_expires_at = self._clock(), before.placement_expires_at
        seen = _Template(
            before.placement, before.containers, before.size, before.has_late_workers, before.is_unsettled
        )
        if accelerator is not None and (not before.scalers or now >= placement_expires_at):
            seen = await self._template(target, class_name, accelerator, seen, step)
            placement_expires_at = now + REREAD_SECONDS
        scalers, unknown = await self._scalers_of(target, before.scalers)
        is_incomplete = bool(unknown) or seen.has_problems
        wait_seconds = RIVAL_SECONDS if scalers else RETRY_SECONDS if is_incomplete else REREAD_SECONDS
        expires_at = self._clock() + wait_seconds * random.uniform(0.8, 1.2)  # noqa: S311
        return Surroundings(
            placement=seen.placement,
            containers=seen.containers,
            size=seen.size,
            has_late_workers=seen.has_late_workers,
            is_unsettled=seen.has_problems,
            scalers=scalers,
            scalers_unknown=unknown,
            expires_at=expires_at,
            placement_expires_at=placement_expires_at,
        )

    async def replica_writers(self, target: TargetKey) -> tuple[ReplicaWriter, ...]:
        """Who set the present replicas of a target; empty where that can't be read or is not recorded."""
        try:
            return (await self._read_target(target)).writers
        except KubeFailure:
            return ()

    async def template_digest(self, target: TargetKey) -> int:
        """A checksum of the pod templates of a replica, read now. Raises KubeFailure."""
        found = await self._read_target(target)
        return crc32(json.dumps(found.replica, sort_keys=True).encode())

    async def _template(
        self,
        target: TargetKey,
        class_name: str,
        accelerator: AcceleratorClassSpec,
        before: _Template,
        step: int,
    ) -> _Template:
        """What the pod templates show now; `before` is what they showed last."""
        try:
            found = await self._read_target(target)
        except KubeFailure as failure:
            message = f"the pod template can't be read: {failure.message}"
            return before._replace(placement=Verdict(None, "TemplateUnknown", message), containers=())
        template = found.pod_template
        if template is None:
            message = f"{target} keeps no pod template in spec.template"
            return _Template(Verdict(None, "TemplateElsewhere", message), (), ReplicaSize(unknown=message))
        parts = found.in_steps(step)
        replica = [await self._asking(target.namespace, part, accelerator) for part in parts]
        size = replica_size(class_name, accelerator, replica)
        placement = Placement(class_name, accelerator, tuple(replica), self._classes, target.kind)
        has_problems = any(part.claims.all_problems for part in replica)
        return _Template(
            placement_verdict(placement, size),
            _containers(template),
            # The replicas that run hold their chips all the same.
            before.size if has_problems and size.chips is None and before.size.chips else size,
            found.has_late_workers,
            has_problems=has_problems,
        )

    async def _asking(
        self, namespace: str, part: PodsOfReplica, accelerator: AcceleratorClassSpec
    ) -> PodsAsking:
        """The pods of one template with their claims."""
        pods = asking(part)
        claims = await self._read_claims(namespace, part.template, classes_to_ask(accelerator, pods.amounts))
        return pods._replace(claims=claims)

    async def _scalers_of(
        self, target: TargetKey, before: tuple[Scaler, ...]
    ) -> tuple[tuple[Scaler, ...], str]:
        try:
            kept_seconds = RIVAL_SECONDS / 2 if before else SCALERS_KEPT_SECONDS
            found = await self._scalers_in(target.namespace, kept_seconds)
        except KubeFailure as failure:
            return before, failure.message
        unseen = (scaler for scaler in before if scaler.kind in found.unknown)
        return (*found.of(target), *unseen), "; ".join(found.unknown.values())

    async def _scalers_in(self, namespace: str, kept_seconds: float) -> NamespaceScalers:
        """The scalers of a namespace; pools share a list for as long as it is kept."""
        now = self._clock()
        self._forget_old_scalers(now)
        listed_at, _ = self._scalers.get(namespace, (float("-inf"), None))
        if now - listed_at > kept_seconds:
            self._scalers.pop(namespace, None)  # The oldest list stays the first.
            self._scalers[namespace] = now, asyncio.ensure_future(self._list_scalers(namespace))
        _, task = self._scalers[namespace]
        return await asyncio.shield(task)

    def _forget_old_scalers(self, now: float) -> None:
        """Drop old lists, also of namespaces without pools; the oldest list comes first."""
        while self._scalers:
            namespace, (listed_at, _) = next(iter(self._scalers.items()))
            if now - listed_at <= SCALERS_KEPT_SECONDS:
                return
            del self._scalers[namespace]


def _containers(template: Mapping[str, Any]) -> tuple[Container, ...]:
    try:
        return project_containers(template["spec"])
    except KubeFailure:
        return ()
