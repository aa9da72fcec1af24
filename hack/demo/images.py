"""Where the demo's images come from, and what to do if the nodes of a cluster can't get them."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from hack.demo.commands import KubectlCluster

NAMES = ("operator", "redis", "worker", "simulated-llm")
VARIABLE = "IMAGE_REGISTRY"
PLACEHOLDER = "registry.example/you"
# As the kubelet says it in a container's state.
UNOBTAINABLE = {"ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "InvalidImageName"}


def registry() -> str:
    """What comes before `poolkeeper/` in the images' names; empty where the nodes have them already."""
    return os.environ.get(VARIABLE, "").rstrip("/")


def pull_policy() -> str:
    """Nothing is pulled unless a registry is named: images of these names in a public one are not ours."""
    return "IfNotPresent" if registry() else "Never"


def expected() -> str:
    """A line about the images that the nodes have to get."""
    names = f"poolkeeper/{{{','.join(NAMES)}}}:dev"
    if registry():
        return f"Images: {registry()}/{names}"
    return f"Images: {names}, which the nodes must have already, since {VARIABLE} is not set."


def unobtainable(cluster: KubectlCluster, namespaces: Sequence[str]) -> list[str]:
    """The images that pods of these namespaces can't get."""
    found = {
        image
        for namespace in namespaces
        for pod in cluster.items("pods", namespace)
        for image in _waited_for(pod)
    }
    return sorted(found)


def _waited_for(pod: dict[str, Any]) -> Iterator[str]:
    for container in pod.get("status", {}).get("containerStatuses", ()):
        if container.get("state", {}).get("waiting", {}).get("reason") in UNOBTAINABLE:
            yield container["image"]


def advice(images: Sequence[str], context: str) -> list[str]:
    """What is missing, and the commands that bring it where the nodes can get it."""
    return [
        f"The nodes can't get {', '.join(images)}. Build the demo's images, push them to a registry that the",
        "nodes can pull from without a login, and try again:",
        f"  hack/cluster push {registry() or PLACEHOLDER} {' '.join(NAMES)}",
        f"  make demo CONTEXT={context} {VARIABLE}={registry() or PLACEHOLDER}",
    ]
