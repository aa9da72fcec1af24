"""The pods of the activators, in the namespace of the controller."""

from collections.abc import Mapping
from typing import NamedTuple

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.fields import readable
from poolkeeper.kube.transport.paths import namespaced_path
from poolkeeper.kube.watch.pod import project_pod


class ActivatorPod(NamedTuple):
    """One activator."""

    uid: str
    addresses: tuple[str, ...]
    """Its IPs, the main one first."""
    takes_new: bool
    """Whether it is ready and not terminating, so that new requests may be sent to it."""
    labels: Mapping[str, str]


async def list_activators(client: KubeClient, namespace: str, selector: str) -> list[ActivatorPod]:
    """All that run, including those that terminate and still hold requests. Raises ApiError,
    ApiUnreachable."""
    listed = await client.request(
        "GET", namespaced_path("v1", namespace, "pods"), query=(("labelSelector", selector),)
    )
    return [
        ActivatorPod(pod.uid, pod.addresses, pod.is_ready and not pod.is_terminating, pod.labels)
        for pod in readable(listed.get("items"), project_pod)
        if pod.addresses and not pod.is_finished
    ]
