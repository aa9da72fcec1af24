"""The pods of the activators, in the namespace of the controller."""

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.fields import readable
from poolkeeper.kube.transport.paths import namespaced_path
from poolkeeper.kube.watch.pod import Pod, project_pod


async def list_activators(client: KubeClient, namespace: str, selector: str) -> list[Pod]:
    """All that run, including those that terminate and still hold requests. Raises ApiError,
    ApiUnreachable."""
    listed = await client.request(
        "GET", namespaced_path("v1", namespace, "pods"), query=(("labelSelector", selector),)
    )
    pods = readable(listed.get("items"), project_pod)
    return [pod for pod in pods if pod.addresses and not pod.is_finished]
