"""Pools that stay at zero after an uninstall: which they are, and how to scale them up."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from poolkeeper.api.base import API_VERSION, POOLS
from poolkeeper.api.pool import AcceleratorPoolSpec, PoolMode
from poolkeeper.controller.pool.contest import CONTESTED
from poolkeeper.controller.pool.pool import Declaration
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.core.tuning import MOST_ARMS
from poolkeeper.core.values.identity import PoolKey, TargetKey
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.errors import KubeFailure, NotFound, ScaleConflict
from poolkeeper.kube.transport.listing import list_in

WRITE_ATTEMPTS = 3
AT_ONCE = 8


class Managed(NamedTuple):
    """A pool that the operator scales."""

    pool: PoolKey
    target: TargetKey
    replicas: int
    """The least number above zero within the pool's bounds, as the target counts."""

    @property
    def command(self) -> str:
        """The command that scales it up by hand."""
        kind = ".".join(filter(None, (self.target.kind.lower(), self.target.group)))
        return (
            f"kubectl --namespace {self.target.namespace} scale {kind}/{self.target.name} "
            f"--replicas={self.replicas}"
        )


class Outcome(NamedTuple):
    """The result for one pool."""

    managed: Managed
    replicas: int | None
    """The replicas now; None where they are unknown."""
    is_restored: bool = False
    """Whether the pool was at zero and has been scaled up."""
    problem: str = ""
    """Why the replicas are unknown."""


async def list_pools(client: KubeClient, namespaces: Iterable[str]) -> list[JsonObject]:
    """All pools of these namespaces, or of all; empty where the CRD is gone. Raises KubeFailure."""
    try:
        return await list_in(client, namespaces, API_VERSION, POOLS)
    except NotFound:
        return []


def managed_pools(bodies: Iterable[Mapping[str, Any]]) -> list[Managed]:
    """The pools that the operator scales: neither those in mode Observe, nor those with another scaler.

    Of pools with the same target, the oldest one scales it, as it does while the controller runs.
    """
    found: dict[TargetKey, Managed] = {}
    for body in sorted(bodies, key=_age):
        declaration = Declaration.from_body(body)
        spec, target = declaration.spec, declaration.target
        if spec is None or target is None or spec.mode is not PoolMode.ENFORCE or _has_fallback(body):
            continue
        if "deletionTimestamp" not in body["metadata"] and not _belongs_to_others(body):
            # Two versions of one group are the same object.
            same = target._replace(api_version=target.group)
            found.setdefault(same, Managed(declaration.key, target, _fewest(spec)))
    return sorted(found.values())


async def look_after(scales: ScaleClient, pools: Iterable[Managed], *, restores: bool) -> list[Outcome]:
    """The replicas of each pool, after those at zero were scaled up where `restores` is true."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(managed: Managed) -> Outcome:
        async with places:
            try:
                return await _look_after(scales, managed, restores=restores)
            except KubeFailure as failure:
                return Outcome(managed, None, problem=failure.message)

    return list(await asyncio.gather(*(one(each) for each in pools)))


async def _look_after(scales: ScaleClient, managed: Managed, *, restores: bool) -> Outcome:
    for attempt in range(WRITE_ATTEMPTS):
        scale = await scales.read(managed.target)
        if scale.replicas or not restores:
            break
        try:
            written = await scales.write(managed.target, scale, managed.replicas)
        except ScaleConflict:
            if attempt == WRITE_ATTEMPTS - 1:
                raise
        else:
            return Outcome(managed, written.replicas, is_restored=True)
    return Outcome(managed, scale.replicas)


def _has_fallback(body: Mapping[str, Any]) -> bool:
    """Whether a fallback of the pool has replicas by its status: then the pool is not at zero, whatever its
    preferred target has."""
    status = body.get("status")
    arms = status.get("arms") if isinstance(status, dict) else None
    found = (arms if isinstance(arms, list) else ())[1:MOST_ARMS]
    return any(isinstance(each, dict) and bool(each.get("ready")) for each in found)


def _fewest(spec: AcceleratorPoolSpec) -> int:
    return min(max(spec.replicas.step or 1, spec.replicas.min), spec.replicas.max)


def _belongs_to_others(body: Mapping[str, Any]) -> bool:
    """Whether the pool's conditions say that an autoscaler, or an older pool, scales the same target."""
    return any(
        condition.get("type") == ConditionType.SOLE_WRITER
        and condition.get("status") == "False"
        # The one conflict in which the operator goes on scaling the pool.
        and condition.get("reason") != CONTESTED
        for condition in (body.get("status") or {}).get("conditions") or ()
    )


def _age(body: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = body["metadata"]
    return metadata.get("creationTimestamp", ""), metadata["namespace"], metadata["name"]
