"""Follows the AcceleratorQuotas of the cluster, and reports what is used of them.

They are watched apart from pools and classes: an operator that may not read them, since its ClusterRole is
older than the kind, goes on as it did before there were quotas.
"""

import asyncio
import logging
from functools import partial

from poolkeeper.controller.loop.restarting import keep_running
from poolkeeper.controller.quota.quotas import Quotas
from poolkeeper.controller.quota.report import QuotaReporter
from poolkeeper.kube.objects.quotas import QUOTAS_PATH, QuotaObject, project_quota, write_quota_status
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.watch.reflector import Reflector, WatchTiming

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.1
REPORT_SECONDS = 5.0
"""Statuses are written at most so often."""
_UNREADABLE = (403, 404)


class QuotaFollower:
    """Keeps `quotas` true to what the API server says, and their statuses true to the books."""

    def __init__(self, client: KubeClient, quotas: Quotas, reporter: QuotaReporter) -> None:
        self._client = client
        self._quotas = quotas
        self._reporter = reporter
        self._reflector = Reflector(
            client,
            QUOTAS_PATH,
            project=project_quota,
            on_list=quotas.listed,
            on_event=self._changed,
            on_current=lambda: None,
            timing=WatchTiming(),
        )

    async def run(self) -> None:
        """Follow, ask the arbiter and write statuses until cancelled."""
        async with asyncio.TaskGroup() as beside:
            beside.create_task(self._reflector.run())
            beside.create_task(keep_running("arbiter", self._quotas.run))
            beside.create_task(keep_running("statuses of quotas", self._report))

    async def wait(self) -> None:
        """Return once all quotas are known, or it is known that they can't be read."""
        while (failure := self._reflector.failure) is not None:
            if is_unreadable(failure):
                logger.warning(
                    "AcceleratorQuotas can't be read, so none limits any pool: %s. Install the CRDs and the "
                    "ClusterRole of this version",
                    failure.message,
                )
                return
            await asyncio.sleep(CHECK_SECONDS)

    async def _report(self) -> None:
        write = partial(write_quota_status, self._client)
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            await self._reporter.report(write)

    def _changed(self, event_type: str, quota: QuotaObject) -> None:
        if event_type == "DELETED":
            self._quotas.gone(quota.name)
        else:
            self._quotas.seen(quota)


def is_unreadable(failure: KubeFailure) -> bool:
    """Whether the kind is not installed, or the right to read it is missing: neither passes by itself."""
    return isinstance(failure, ApiError) and failure.status in _UNREADABLE
