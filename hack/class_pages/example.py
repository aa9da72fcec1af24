"""The example of a class's page: a pool, and the part of a pod template that brings its pods to the nodes."""

from collections.abc import Iterator

import yaml

from poolkeeper.api.accelerator_class import AcceleratorClassSpec, Purpose, Slice

TOPOLOGY = "cloud.google.com/gke-tpu-topology"
ONE_HOST = Slice(topology="2x2x1", chips=4, hosts=1)
"""The slice of one host of TPUs whose topologies have three sides."""


def example(name: str, spec: AcceleratorClassSpec) -> Iterator[str]:
    """The section of a page."""
    accelerator: dict[str, object] = {"class": name}
    if spec.purpose is Purpose.TRAINING:
        accelerator["allowTraining"] = True
    pool = {
        "apiVersion": "poolkeeper.dev/v1alpha1",
        "kind": "AcceleratorPool",
        "metadata": {"name": "chat", "namespace": "serving"},
        "spec": {
            "targetRef": {"kind": "Deployment", "name": "chat"},
            "accelerator": accelerator,
            "replicas": {"min": 0, "max": 4},
            "coldStart": {"budgetSeconds": 240},
            "demand": [{"name": "http", "http": {"service": "chat", "port": 80}}],
        },
    }
    yield "## An example\n"
    yield yaml_block(pool)
    if spec.resource_name:
        yield "And in the pod template of the Deployment:\n"
        yield yaml_block(_pod(spec))


def tolerations(spec: AcceleratorClassSpec) -> list[dict[str, str]]:
    """What lets pods run on nodes of the class."""
    return [{"key": taint.key, "operator": "Exists", "effect": taint.effect.value} for taint in spec.taints]


def yaml_block(content: object) -> str:
    """Content as a block of YAML."""
    return f"```yaml\n{yaml.safe_dump(content, sort_keys=False)}```\n"


def _pod(spec: AcceleratorClassSpec) -> dict[str, object]:
    pod: dict[str, object] = {}
    chips = 1
    if spec.resource_name == "google.com/tpu":
        slice_ = next((each for each in spec.slices if each.hosts == 1), ONE_HOST)
        label = spec.node_labels[0]
        pod["nodeSelector"] = {label.key: label.values[0], TOPOLOGY: slice_.topology}
        chips = slice_.chips
    if spec.taints:
        pod["tolerations"] = tolerations(spec)
    limits = {str(spec.resource_name): str(chips)}
    pod["containers"] = [{"name": "server", "resources": {"limits": limits}}]
    return pod
