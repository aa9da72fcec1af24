"""`poolkeeper leave`: the cleanup before the operator is uninstalled.

It removes the activators from all Services, because they are about to be deleted, and it names the pools at
zero, or scales them up, because nothing else will. A failure is logged, and the exit status is 0 within a
time limit: an operator that can't be uninstalled would be worse.
"""

import argparse
import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from poolkeeper.commands.flags import add_connection_arguments, add_instance_arguments
from poolkeeper.commands.left_at_zero import Outcome, list_pools, look_after, managed_pools
from poolkeeper.commands.stand_down import Controller, stood_down
from poolkeeper.controller.loop.clock import AnchoredClock
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.endpoint_slices import MANAGED_BY, MANAGED_BY_LABEL, delete_slice, list_slices
from poolkeeper.kube.objects.leases import LeaseClient
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.discovery import Discovery
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.logs import configure_logs

logger = logging.getLogger(__name__)

LOOKS = 3
BY_HAND = f"kubectl delete endpointslices --all-namespaces --selector {MANAGED_BY_LABEL}={MANAGED_BY}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_instance_arguments(parser)
    parser.add_argument(
        "--controller",
        metavar="DEPLOYMENT",
        help="Deployment of the controller, scaled to zero first (default: no controller runs)",
    )
    parser.add_argument(
        "--restore-replicas",
        action="store_true",
        help="scale pools at zero up to replicas.min, or to 1 (default: only print their names)",
    )
    parser.add_argument(
        "--without-activators",
        action="store_true",
        help="the release has no activators: do not read or change any Service",
    )
    parser.add_argument(
        "--timeout-seconds", type=float, default=75.0, help="end after about this time (default: %(default)g)"
    )
    add_connection_arguments(parser)


@dataclass(frozen=True)
class Waits:
    """How long the command waits for others."""

    pods_go_seconds: float = 20.0
    """For the controller's pods, after their Deployment was scaled to zero."""
    between_looks_seconds: float = 2.0
    """Between two looks at the EndpointSlices, where a controller may still write one."""


def run(args: argparse.Namespace, waits: Waits = Waits()) -> int:
    """Carries the command out; the exit status is 0 whatever happens."""
    configure_logs("info", "text")
    try:
        asyncio.run(_leave_in_time(args, waits))
    except Exception:
        logger.exception(
            "This is a bug. Services may still lead to activators. To make sure, run: %s", BY_HAND
        )
    return 0


async def _leave_in_time(args: argparse.Namespace, waits: Waits) -> None:
    try:
        async with asyncio.timeout(args.timeout_seconds):
            await _leave(args, waits)
    except TimeoutError:
        logger.error(
            "Not done within %g s. Services may still lead to activators. To make sure, run: %s",
            *(args.timeout_seconds, BY_HAND),
        )
    except KubeFailure as failure:
        logger.error("Nothing could be done: %s. To clean up by hand, run: %s", failure, BY_HAND)


async def _leave(args: argparse.Namespace, waits: Waits) -> None:
    namespaces = tuple(args.watch_namespace)
    async with await KubeClient.from_environment(args.kubeconfig, args.context) as client:
        scales = ScaleClient(client, Discovery(client))
        async with _without_controller(client, scales, args, waits) as is_sure:
            if not args.without_activators:
                looks = 1 if is_sure else LOOKS
                await _clean_services(client, namespaces, looks, waits.between_looks_seconds)
            await _look_after_pools(client, scales, namespaces, restores=args.restore_replicas)


@asynccontextmanager
async def _without_controller(
    client: KubeClient, scales: ScaleClient, args: argparse.Namespace, waits: Waits
) -> AsyncIterator[bool]:
    if args.controller is None:
        yield False
        return
    controller = Controller(
        TargetKey(args.namespace, "apps/v1", "Deployment", args.controller),
        LeaseClient(client, args.namespace, args.lease_name, AnchoredClock()),
    )
    async with stood_down(scales, controller, pods_go_seconds=waits.pods_go_seconds) as is_sure:
        if not is_sure:
            logger.warning(
                "It may create EndpointSlices again. To make sure, run this once it has ended: %s", BY_HAND
            )
        yield is_sure


async def _clean_services(
    client: KubeClient, namespaces: Sequence[str], looks: int, apart_seconds: float
) -> None:
    """Delete all slices; `looks` more than once where an ending controller may still create one."""
    for look in range(looks):
        try:
            for each in await list_slices(client, namespaces):
                await delete_slice(client, each)
                logger.info(
                    "Service %s/%s: the activators are removed from its endpoints.",
                    each.pool.namespace,
                    each.service,
                )
        except KubeFailure as failure:
            logger.error(
                "Services may still lead to activators: %s. To clean up by hand, run: %s", failure, BY_HAND
            )
            return
        if look < looks - 1:
            await asyncio.sleep(apart_seconds)


async def _look_after_pools(
    client: KubeClient, scales: ScaleClient, namespaces: Sequence[str], *, restores: bool
) -> None:
    try:
        pools = managed_pools(await list_pools(client, namespaces))
    except KubeFailure as failure:
        logger.error("Pools can't be listed, so some may stay at zero: %s", failure)
        return
    outcomes = await look_after(scales, pools, restores=restores)
    for outcome in outcomes:
        _log(outcome)
    if not any(outcome.problem or outcome.replicas == 0 for outcome in outcomes):
        logger.info("No pool stays at zero.")


def _log(outcome: Outcome) -> None:
    managed = outcome.managed
    if outcome.problem:
        logger.error("Pool %s may stay at zero: %s", managed.pool, outcome.problem)
    elif outcome.is_restored:
        logger.info("Pool %s was at zero and is scaled to %d.", managed.pool, outcome.replicas)
    elif outcome.replicas == 0:
        logger.warning("Pool %s stays at zero. To bring it back: %s", managed.pool, managed.command)
