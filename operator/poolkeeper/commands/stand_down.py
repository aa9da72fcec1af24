"""Makes sure that no controller writes any more: its Deployment is at zero, and this process holds its
lease."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from poolkeeper.controller.loop.clock import monotonic_seconds
from poolkeeper.controller.loop.leadership import Leadership
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.leases import LeaseClient
from poolkeeper.kube.objects.scale import ScaleClient
from poolkeeper.kube.transport.errors import KubeFailure, ScaleConflict, TargetMissing

logger = logging.getLogger(__name__)

WRITE_ATTEMPTS = 5
LOOK_EVERY_SECONDS = 0.5
LEASE_IS_FREE_WITHIN_SECONDS = 20.0
"""A controller frees the lease as it ends; the lease of a killed one runs out after 10 s."""
READ_TIMEOUT_SECONDS = 5.0


class Controller(NamedTuple):
    """The Deployment whose pods are the controller, and the Lease that the leading one holds."""

    deployment: TargetKey
    lease: LeaseClient


@asynccontextmanager
async def stood_down(
    scales: ScaleClient, controller: Controller, *, pods_go_seconds: float
) -> AsyncIterator[bool]:
    """While the block runs, and some seconds longer, no controller leads. Yields False where that is not
    sure, and logs why.

    Holding the lease keeps out a standby that has not noticed its termination yet: it would become the next
    leader and undo the cleanup.
    """
    try:
        await _stop(scales, controller.deployment, pods_go_seconds)
        await controller.lease.read(timeout_seconds=READ_TIMEOUT_SECONDS)
    except (KubeFailure, TimeoutError) as failure:
        reason = failure.message if isinstance(failure, KubeFailure) else "its pods have not ended in time"
        logger.warning("The controller may still run: %s", reason)
        yield False
        return
    async with _leading(controller.lease) as leads:
        if not leads:
            logger.warning("The controller may still run: another process holds its lease.")
        yield leads


async def _stop(scales: ScaleClient, deployment: TargetKey, pods_go_seconds: float) -> None:
    """Returns once its Deployment has no pods, except terminating ones. Raises KubeFailure, TimeoutError."""
    try:
        await _scale_to_zero(scales, deployment)
        async with asyncio.timeout(pods_go_seconds):
            while True:
                if not (await scales.read(deployment)).current_replicas:
                    return
                await asyncio.sleep(LOOK_EVERY_SECONDS)
    except TargetMissing:
        # A Deployment that does not exist has no pods.
        return


async def _scale_to_zero(scales: ScaleClient, deployment: TargetKey) -> None:
    for attempt in range(WRITE_ATTEMPTS):
        scale = await scales.read(deployment)
        if not scale.replicas:
            return
        try:
            await scales.write(deployment, scale, 0)
        except ScaleConflict:
            # A rollout changes the Deployment's status, and with it the resourceVersion.
            if attempt == WRITE_ATTEMPTS - 1:
                raise
        else:
            return


@asynccontextmanager
async def _leading(lease: LeaseClient) -> AsyncIterator[bool]:
    """Take the lease as another replica would; yields whether that succeeded.

    The lease is not freed in the end but runs out: a standby may still not have noticed its termination.
    """
    leads = asyncio.Event()
    leadership = Leadership(
        lease,
        f"leave_{uuid.uuid4().hex[:12]}",
        monotonic_seconds,
        on_change=lambda is_leading: leads.set() if is_leading else None,
    )
    striving = asyncio.create_task(leadership.run())
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEASE_IS_FREE_WITHIN_SECONDS):
                await leads.wait()
        yield leads.is_set()
    finally:
        striving.cancel()
