"""Reads the NetworkPolicies of pools and activators, as far as the operator may see them.

Only advice depends on them: what may not be read, or takes too long, is left out.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from poolkeeper.advice.advice import Advice
from poolkeeper.advice.network import End, PodPort, network_advice
from poolkeeper.kube.objects.network_policies import NetworkPolicy, list_policies, namespace_labels
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.watch.containers import long_running

logger = logging.getLogger(__name__)

KEPT_SECONDS = 60.0
"""How long policies are believed."""
REFUSED_SECONDS = 600.0
"""How long policies are not asked for again after the API server has refused them."""
PATIENCE_SECONDS = 1.0
"""How long a reading of a Service waits for policies: the first tables wait for that reading."""

Place = tuple[str, Mapping[str, str]]
"""Namespace and labels of pods."""


@dataclass(frozen=True, slots=True)
class Surrounding:
    """What is known of a namespace."""

    policies: tuple[NetworkPolicy, ...] = ()
    """Its NetworkPolicies."""
    labels: Mapping[str, str] | None = None
    """Labels of the namespace itself; None if not known."""


class NetworkReach:
    """Finds what keeps activators from pods; `activators` gives their place, None if there are none."""

    def __init__(
        self,
        client: KubeClient,
        activators: Callable[[], Awaitable[Place | None]],
        clock: Callable[[], float],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._client = client
        self._patience_seconds = patience_seconds
        self._activators = activators
        self._clock = clock
        self._known: dict[str, Surrounding] = {}
        self._ask_again_at: dict[str, float] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._logged: set[str] = set()

    async def problems(
        self, namespace: str, pod_template: Mapping[str, Any] | None, port: int
    ) -> Sequence[Advice]:
        """What keeps the activators from this port of the template's pods, as far as that is certain."""
        if pod_template is None:
            return ()
        place = await self._activators()
        if place is None:
            return ()
        there, labels = place
        around_activators, around_pods = await asyncio.gather(
            self._surrounding(there), self._surrounding(namespace)
        )
        policies = {
            (each.namespace, each.name): each for each in (*around_activators.policies, *around_pods.policies)
        }
        pod_labels = (pod_template.get("metadata") or {}).get("labels") or {}
        return list(
            network_advice(
                policies.values(),
                End(there, around_activators.labels, labels),
                End(namespace, around_pods.labels, pod_labels),
                PodPort(port, _names_of(pod_template, port)),
            )
        )

    async def _surrounding(self, namespace: str) -> Surrounding:
        """One reading serves all pools of a namespace that ask within a minute."""
        asking = self._asking.get(namespace)
        if asking is None and self._clock() >= self._ask_again_at.get(namespace, float("-inf")):
            asking = self._asking[namespace] = asyncio.create_task(self._ask(namespace))
        if asking is not None:
            await asyncio.wait({asking}, timeout=self._patience_seconds)
        return self._known.get(namespace, Surrounding())

    async def _ask(self, namespace: str) -> None:
        wait_seconds = KEPT_SECONDS
        try:
            policies = await list_policies(self._client, namespace)
            self._known[namespace] = Surrounding(policies, await self._labels(namespace))
        except KubeFailure as failure:
            if isinstance(failure, ApiError) and failure.status == 403:
                self._known.pop(namespace, None)
                wait_seconds = REFUSED_SECONDS
            self._log_once(f"NetworkPolicies of namespace {namespace}", failure)
        finally:
            self._ask_again_at[namespace] = self._clock() + wait_seconds
            del self._asking[namespace]

    async def _labels(self, namespace: str) -> Mapping[str, str] | None:
        try:
            return await namespace_labels(self._client, namespace)
        except ApiError as failure:
            self._log_once(f"the labels of namespace {namespace}", failure)
            return None

    def _log_once(self, what: str, failure: KubeFailure) -> None:
        if what not in self._logged:
            self._logged.add(what)
            logger.info("The condition ServiceSuitable leaves out %s: %s", what, failure)


def _names_of(template: Mapping[str, Any], number: int) -> frozenset[str]:
    """The names that the containers give a TCP port."""
    return frozenset(
        port["name"]
        for container in long_running(template.get("spec") or {})
        for port in container.get("ports") or ()
        if port.get("name") and port.get("containerPort") == number and port.get("protocol", "TCP") == "TCP"
    )
