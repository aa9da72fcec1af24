"""All activators: which there are, and what they report."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from poolkeeper.api.activation import PoolReport, Report
from poolkeeper.controller.front.timing import FrontTiming
from poolkeeper.controller.loop.patience import Patience
from poolkeeper.controller.loop.restarting import keep_running
from poolkeeper.core.values.identity import PoolKey
from poolkeeper.kube.objects.activator_pods import list_activators
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.watch.pod import Pod
from poolkeeper.sources.http.activator_link import ActivatorChannel, ActivatorLink

NOT_INSTALLED = (
    "this installation has no activators, and an http source needs them: set the chart's value "
    "activator.enabled to true"
)
NO_ACTIVATOR = "no activator runs; set the chart's value activator.enabled to true"

MakeLink = Callable[[str, int, Path, Callable[[], None]], ActivatorChannel]


@dataclass(frozen=True, slots=True)
class ActivatorSettings:
    """Where the activators are and how they are spoken to."""

    namespace: str
    """Namespace of their pods."""
    selector: str
    """Labels of their pods."""
    control_port: int
    """Port on which they take tables and send reports."""
    token_file: Path
    """File with the token that both sides share."""


@dataclass(slots=True)
class Activator:
    """One activator; only `Activators` writes it."""

    pod: Pod
    """Its pod."""
    link: ActivatorChannel
    """The channel to it."""
    listening: asyncio.Task[None] | None = None
    """Hears its reports."""
    _indexed: Report | None = None
    _by_pool: Mapping[PoolKey, PoolReport] = field(default_factory=dict)

    @property
    def report(self) -> Report | None:
        """What it reported last; None while it is silent."""
        return self.link.report

    @property
    def pools(self) -> Mapping[PoolKey, PoolReport]:
        """The same by pool."""
        if self._indexed is not self.report:
            self._indexed = self.report
            pools = self.report.pools if self.report else ()
            self._by_pool = {PoolKey(each.namespace, each.name): each for each in pools}
        return self._by_pool


class Activators:
    """Follows the activators' pods and keeps a link to each."""

    def __init__(
        self,
        client: KubeClient,
        settings: ActivatorSettings | None,
        *,
        timing: FrontTiming | None = None,
        make_link: MakeLink = ActivatorLink,
    ) -> None:
        self._client = client
        self._settings = settings
        self._timing = timing or FrontTiming()
        self._make_link = make_link
        self._by_uid: dict[str, Activator] = {}
        self._has_looked = asyncio.Event()
        self._labels: Mapping[str, str] | None = None
        self._patience = Patience("the activators can't be listed")
        self.failure: str | None = (
            "the activators have not been looked for yet" if settings else NOT_INSTALLED
        )
        """Why activators can't be relied upon; None while there are some."""

    @property
    def are_configured(self) -> bool:
        """Whether this installation has any."""
        return self._settings is not None

    def all(self) -> list[Activator]:
        """Those that run, also those that only finish what they hold."""
        return list(self._by_uid.values())

    def reports(self, pool: PoolKey) -> list[PoolReport]:
        """What they reported last about a pool."""
        return [each.pools[pool] for each in self._by_uid.values() if pool in each.pools]

    async def place(self) -> tuple[str, Mapping[str, str]] | None:
        """Their namespace and their labels, in which they do not differ; None where none was ever seen.

        Waits up to 1 s for the first list: advice that is given without it would be wrong a moment later.
        """
        if self._settings is None:
            return None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.activators_awaited):
                await self._has_looked.wait()
        return (self._settings.namespace, self._labels) if self._labels is not None else None

    def silent(self) -> str | None:
        """Address of one that may hold requests and does not report: it takes new requests, or reported a
        moment ago; None if there is none."""
        for each in self._by_uid.values():
            if each.report is None and (each.pod.takes_new or each.link.spoke_lately):
                return each.link.address
        return None

    async def run(self, heard: Callable[[], None]) -> None:
        """Look for pods until cancelled; `heard` is called whenever pods or reports have changed."""
        try:
            await keep_running("activators", partial(self._look_on, heard))
        finally:
            for each in self._by_uid.values():
                _end(each)

    async def _look_on(self, heard: Callable[[], None]) -> None:
        while True:
            pause_seconds = 0.0
            if self._settings is not None:
                pause_seconds = await self._look(self._settings, heard)
                self._has_looked.set()
            await asyncio.sleep(max(pause_seconds, self._timing.activators_listed_every))

    async def _look(self, settings: ActivatorSettings, heard: Callable[[], None]) -> float:
        """List them once; how long to wait at least before the next list."""
        try:
            found = await list_activators(self._client, settings.namespace, settings.selector)
        except KubeFailure as failure:
            self.failure = f"the activators can't be listed: {failure.message}"
            return self._patience.failed(failure)
        self._patience.succeeded()
        self.failure = None if found else NO_ACTIVATOR
        before = {uid: each.pod for uid, each in self._by_uid.items()}
        for pod in found:
            self._labels = pod.labels
            self._take(pod, settings, heard)
        for uid in before.keys() - {pod.uid for pod in found}:
            _end(self._by_uid.pop(uid))
        if before != {uid: each.pod for uid, each in self._by_uid.items()}:
            heard()
        return 0.0

    def _take(self, pod: Pod, settings: ActivatorSettings, heard: Callable[[], None]) -> None:
        known = self._by_uid.get(pod.uid)
        if known is not None:
            known.pod = pod
            return
        link = self._make_link(pod.addresses[0], settings.control_port, settings.token_file, heard)
        self._by_uid[pod.uid] = Activator(pod, link, asyncio.create_task(link.run()))


def _end(activator: Activator) -> None:
    if activator.listening is not None:
        activator.listening.cancel()
