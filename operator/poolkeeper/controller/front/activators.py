"""All activators: which there are, what they report, and what they are to go by."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from poolkeeper.api.activation import PoolReport, PoolRoute, Report, RoutingTable
from poolkeeper.core.front.slot_grants import SlotGrants
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.activator_pods import ActivatorPod, list_activators
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.sources.http.activator_link import ActivatorLink

logger = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 1.0
RESEND_SECONDS = 8.0
FOREIGN_TABLE_SECONDS = 35.0
"""How long a table of another controller may be gone by: it is valid for 30 s from when it arrives."""
FIRST_LOOK_SECONDS = 1.0
FIRST_WORDS_SECONDS = 3.0
"""How long a new leader waits for activators that take nothing new: most are pods that have not begun yet."""
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
    """One activator; `grants` are the slots it may be using, by pool and replica.

    `is_known` is False while it may go by a table of another controller: then nobody knows what it may use.
    `pending` is the latest table, until its sending begins.
    """

    pod: ActivatorPod
    link: ActivatorLink
    tasks: tuple[asyncio.Task[None], ...] = ()
    grants: SlotGrants = field(default_factory=SlotGrants)
    is_known: bool = False
    process: str = ""
    routes: tuple[PoolRoute, ...] = ()
    sent_at: float = float("-inf")
    pending: RoutingTable | None = None
    has_pending: asyncio.Event = field(default_factory=asyncio.Event)
    _indexed: Report | None = None
    _by_pool: dict[PoolKey, PoolReport] = field(default_factory=dict)
    _table_version: int = 0
    _version_changed_at: float = float("-inf")

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

    def post(self, table: RoutingTable, now: float) -> None:
        """Have this table sent instead of the one that still waits for its turn."""
        if self.pending is not None:
            self.grants = self.grants.withdrawn(self.pending.table_version)
        # Counted from here on, not from when it goes out: the next shares are made meanwhile.
        self.grants = self.grants.sent(table.table_version, slots_of(table.pools))
        self.pending, self.routes, self.sent_at = table, table.pools, now
        self.has_pending.set()

    def forget_tables(self) -> None:
        """What it goes by from now on is somebody else's: nothing that was promised tells what it may use."""
        self.grants, self.is_known = SlotGrants(), False
        self.pending, self.routes, self.sent_at = None, (), float("-inf")

    def confirm(self, now: float, led_since: float) -> None:
        """Take note of the table that it says it goes by."""
        if self.report and self.report.activator != self.process:
            # It has started anew, or is new to us: of what was promised before, nothing counts.
            self.forget_tables()
            self.process = self.report.activator
        if self.report:
            self.grants = self.grants.confirmed(self.report.table_version)
            if self.report.table_version != self._table_version:
                self._table_version, self._version_changed_at = self.report.table_version, now
                if not self.grants.is_known:
                    # Another leader's table has replaced ours: send it again, with a higher number.
                    self.sent_at = float("-inf")
        is_heard = self.report is not None or self.pod.takes_new
        patience = FOREIGN_TABLE_SECONDS if is_heard else FIRST_WORDS_SECONDS
        self.is_known = self.grants.is_known or now - max(led_since, self._version_changed_at) >= patience


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
        self._led_since: float | None = None
        self._has_looked = asyncio.Event()
        self._labels: Mapping[str, str] | None = None
        self.failure: str | None = (
            "the activators have not been looked for yet" if settings else NOT_INSTALLED
        )

    def all(self) -> list[Activator]:
        """Those that run, also those that only finish what they hold."""
        return list(self._by_uid.values())

    async def place(self) -> tuple[str, Mapping[str, str]] | None:
        """Their namespace and their labels, in which they do not differ; None where none was ever seen.

        Waits a moment for the first look: what is said without it would be taken back right afterwards.
        """
        if self._settings is None:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self._has_looked.wait()
        return (self._settings.namespace, self._labels) if self._labels is not None else None

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
                    self._has_looked.set()
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        finally:
            for each in self._by_uid.values():
                _end(each)

    def send(self, activator: Activator, routes: tuple[PoolRoute, ...], table_version: int) -> None:
        """Have a table sent if it says anything new, or if the last one gets old; nobody waits for that."""
        now = self._now()
        if routes != activator.routes or now - activator.sent_at >= RESEND_SECONDS:
            activator.post(RoutingTable(table_version=table_version, pools=routes), now)

    def confirm(self) -> None:
        """Take note of the tables that the activators say they go by; called while this replica leads."""
        now = self._now()
        if self._led_since is None:
            self._led_since = now
        for each in self._by_uid.values():
            each.confirm(now, self._led_since)

    def resign(self) -> None:
        """Somebody else sends the tables from now on."""
        self._led_since = None
        for each in self._by_uid.values():
            each.forget_tables()

    @property
    def highest_version(self) -> int:
        """The highest number of a table that an activator goes by, whoever sent it."""
        return max((each.report.table_version for each in self._by_uid.values() if each.report), default=0)

    @property
    def confirmed_version(self) -> int | None:
        """The oldest table of ours that one of those that report goes by, 0 where one goes by none of ours.

        Those that take nothing new count too: for a moment there are nodes that still lead to them.
        """
        return min((each.grants.in_force for each in self._by_uid.values() if each.report), default=None)

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
            self._labels = pod.labels
            self._take(pod, settings)
        for uid in before.keys() - {pod.uid for pod in found}:
            _end(self._by_uid.pop(uid))
        if before != {uid: each.pod for uid, each in self._by_uid.items()}:
            self._heard()

    def _take(self, pod: ActivatorPod, settings: ActivatorSettings) -> None:
        known = self._by_uid.get(pod.uid)
        if known is not None:
            known.pod = pod
            return
        link = ActivatorLink(pod.addresses[0], settings.control_port, settings.token_file, self._heard)
        activator = Activator(pod, link)
        activator.tasks = asyncio.create_task(link.run()), asyncio.create_task(_send_on(activator))
        self._by_uid[pod.uid] = activator


async def _send_on(activator: Activator) -> None:
    """Send what is posted, one table at a time: an activator that takes none holds up nobody else."""
    while True:
        await activator.has_pending.wait()
        activator.has_pending.clear()
        table, activator.pending = activator.pending, None
        if table is None:
            continue
        try:
            is_taken = await activator.link.send(table)
        except Exception:
            logger.exception("a table can't be sent to activator %s", activator.link.address)
            is_taken = False
        if not is_taken and activator.pending is None:
            activator.sent_at = float("-inf")


def _end(activator: Activator) -> None:
    for task in activator.tasks:
        task.cancel()


def slots_of(routes: tuple[PoolRoute, ...]) -> Mapping[str, int]:
    """Slots by pool and replica, as promises are kept."""
    return {f"{route.key}/{replica.address}": replica.slots for route in routes for replica in route.replicas}
