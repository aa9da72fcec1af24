"""All activators: which there are, what they report, and what they are to go by."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from poolkeeper.api.activation import PoolReport, PoolRoute, Report, RoutingTable
from poolkeeper.core.identity import PoolKey
from poolkeeper.core.slot_leases import Promises
from poolkeeper.kube.activator_pods import ActivatorPod, list_activators
from poolkeeper.kube.client import KubeClient
from poolkeeper.kube.errors import KubeFailure
from poolkeeper.sources.activator_link import ActivatorLink

logger = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 1.0
RESEND_SECONDS = 8.0
NOT_INSTALLED = "this installation has no activators; the chart's value activator.enabled brings them"


@dataclass(frozen=True, slots=True)
class ActivatorSettings:
    """Where the activators are and how they are spoken to."""

    namespace: str
    selector: str
    control_port: int
    token_file: Path


@dataclass(slots=True)
class Activator:
    """One activator; `promises` are the slots it may be using, by pool and replica."""

    pod: ActivatorPod
    link: ActivatorLink
    listening: asyncio.Task[None]
    promises: Promises = field(default_factory=Promises)
    process: str = ""
    routes: tuple[PoolRoute, ...] = ()
    sent_at: float = float("-inf")
    _indexed: Report | None = None
    _by_pool: dict[PoolKey, PoolReport] = field(default_factory=dict)

    @property
    def report(self) -> Report | None:
        """What it last said; None while it is silent."""
        return self.link.report

    def of_pool(self, key: PoolKey) -> PoolReport | None:
        """What it says about a pool; None where it says nothing."""
        if self._indexed is not self.report:
            self._indexed = self.report
            pools = self.report.pools if self.report else ()
            self._by_pool = {PoolKey(each.namespace, each.name): each for each in pools}
        return self._by_pool.get(key)


class Activators:
    """Follows the activators' pods and keeps a link to each."""

    def __init__(
        self,
        client: KubeClient,
        settings: ActivatorSettings | None,
        heard: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        self._client = client
        self._settings = settings
        self._heard = heard
        self._now = now
        self._by_uid: dict[str, Activator] = {}
        self.failure: str | None = (
            "the activators have not been looked for yet" if settings else NOT_INSTALLED
        )

    def all(self) -> list[Activator]:
        """Those that run, also those that only finish what they hold."""
        return list(self._by_uid.values())

    def joining(self) -> list[Activator]:
        """Those that new requests may be sent to: ready, heard, and able to listen on all their ports."""
        return [
            each
            for each in self._by_uid.values()
            if each.pod.takes_new and each.report and not each.report.is_stopping
        ]

    def silent(self) -> list[str]:
        """Addresses of those that may hold requests and do not report: in the path now, or until just now."""
        return [
            each.link.address
            for each in self._by_uid.values()
            if each.report is None and (each.pod.takes_new or each.link.spoke_lately)
        ]

    async def run(self) -> None:
        """Look for pods until cancelled."""
        try:
            while True:
                if self._settings is not None:
                    await self._look(self._settings)
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            for each in self._by_uid.values():
                each.listening.cancel()

    async def send(self, activator: Activator, routes: tuple[PoolRoute, ...], issue: int) -> None:
        """Send a table if it says anything new, or if the last one gets old."""
        now = self._now()
        if routes == activator.routes and now - activator.sent_at < RESEND_SECONDS:
            return
        activator.promises.sent(issue, slots_of(routes))
        activator.routes, activator.sent_at = routes, now
        if not await activator.link.send(RoutingTable(issue=issue, pools=routes)):
            activator.sent_at = float("-inf")

    def confirm(self) -> None:
        """Take note of the tables that the activators say they go by."""
        for each in self._by_uid.values():
            if each.report and each.report.activator != each.process:
                # It has started anew: it holds nothing, and knows no table.
                each.process, each.promises = each.report.activator, Promises()
                each.sent_at = float("-inf")
            elif each.report:
                each.promises.confirmed(each.report.issue)

    async def _look(self, settings: ActivatorSettings) -> None:
        try:
            found = await list_activators(self._client, settings.namespace, settings.selector)
        except KubeFailure as failure:
            self.failure = f"the activators can't be listed: {failure.message}"
            logger.warning("%s", self.failure)
            return
        self.failure = (
            None if found else "there is no activator; the chart's value activator.enabled brings them"
        )
        before = {uid: each.pod for uid, each in self._by_uid.items()}
        for pod in found:
            self._take(pod, settings)
        for uid in before.keys() - {pod.uid for pod in found}:
            self._by_uid.pop(uid).listening.cancel()
        if before != {uid: each.pod for uid, each in self._by_uid.items()}:
            self._heard()

    def _take(self, pod: ActivatorPod, settings: ActivatorSettings) -> None:
        known = self._by_uid.get(pod.uid)
        if known is not None:
            known.pod = pod
            return
        link = ActivatorLink(pod.addresses[0], settings.control_port, settings.token_file, self._heard)
        self._by_uid[pod.uid] = Activator(pod, link, asyncio.create_task(link.run()))


def slots_of(routes: tuple[PoolRoute, ...]) -> Mapping[str, int]:
    """Slots by pool and replica, as promises are kept."""
    return {f"{route.key}/{replica.address}": replica.slots for route in routes for replica in route.replicas}
