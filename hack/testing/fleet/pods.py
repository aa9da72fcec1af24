"""Pod templates of model servers, and how the pretended kubelets treat their pods."""

from collections.abc import Iterable, Mapping
from typing import Any

from hack.testing.fleet.hardware import Shape

Json = dict[str, Any]

LOAD = "fleet.test/load"
"""Annotation of a pod: how long its containers run before it is Ready, as `1500ms`; without it one second."""
PULL = "fleet.test/pull"
"""Annotation of a pod: how long its images are pulled once it has a node, as `3s`; without it no time."""
CRASH = "fleet.test/crash"
"""Annotation of a pod: with any value, its containers end with an error again and again."""
PROBE: Json = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 1}


def server(
    name: str = "server", chips: Mapping[str, int] | None = None, *, probed: bool = True, **fields: Any
) -> Json:
    """The container of a model server."""
    container: Json = {"name": name, "image": "example.invalid/server:1", **fields}
    if chips:
        container["resources"] = {"limits": {resource: str(amount) for resource, amount in chips.items()}}
    if probed:
        container["readinessProbe"] = PROBE
    return container


def template(
    labels: Mapping[str, str],
    shape: Shape | None = None,
    units: int = 1,
    *,
    load: str = "1s",
    pull: str = "",
    gates: Iterable[str] = (),
    containers: Iterable[Json] = (),
    **spec: Any,
) -> Json:
    """A pod template for nodes of a shape: its selector, its toleration, and some of its resource."""
    annotations = {LOAD: load} | ({PULL: pull} if pull else {})
    chips = {shape.resource: units} if shape is not None and shape.resource else None
    pod: Json = {
        "terminationGracePeriodSeconds": 1,
        "containers": list(containers) or [server(chips=chips)],
        **spec,
    }
    if shape is not None:
        pod = {"nodeSelector": dict(shape.labels), "tolerations": shape.tolerations, **pod}
    if gates:
        pod["schedulingGates"] = [{"name": gate} for gate in gates]
    return {"metadata": {"labels": dict(labels), "annotations": annotations}, "spec": pod}
