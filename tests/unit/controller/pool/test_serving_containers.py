"""Which container serves: the one with the accelerator, else the one with the port, else the first."""

import pytest

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.demand import DemandSource, Http
from poolkeeper.controller.pool.replicas.serving import is_probed, serving, serving_container
from poolkeeper.kube.watch.containers import Container

GPU = AcceleratorClassSpec(
    vendor="NVIDIA", display_name="GPU", node_tail_seconds=0, resource_name="nvidia.com/gpu"
)
CLAIMED = GPU.model_copy(update={"device_class_names": ("gpu.nvidia.com",)})
CPU = AcceleratorClassSpec(vendor="None", display_name="CPU", node_tail_seconds=0)
WEB = (DemandSource(name="web", http=Http(service="chat", port=80)),)
PROXY = Container("proxy", is_probed=True, resources=("cpu",), ports=("15001",))
MODEL = Container("model", is_probed=False, resources=("cpu",), ports=("http", "8000"))
ON_GPU = Container("model", is_probed=False, resources=("cpu", "nvidia.com/gpu"), ports=())

BY_CLAIM = Container("model", is_probed=False, resources=(), ports=(), has_claims=True)
BY_CLASS = BY_CLAIM._replace(
    has_claims=False, resources=("deviceclass.resource.kubernetes.io/gpu.nvidia.com",)
)


@pytest.mark.parametrize(
    ("accelerator", "pods_port", "containers", "name"),
    [
        (GPU, None, (PROXY, ON_GPU), "model"),
        (CLAIMED, 15_001, (PROXY, BY_CLAIM), "model"),
        (CLAIMED, 15_001, (PROXY, BY_CLASS), "model"),
        (CPU, 15_001, (PROXY, BY_CLAIM), "proxy"),
        (CPU, 8000, (PROXY, MODEL), "model"),
        (CPU, 15_001, (PROXY, MODEL), "proxy"),
        (CPU, None, (PROXY, MODEL), "proxy"),
        (CPU, 9000, (MODEL, PROXY), "model"),
    ],
    ids=[
        "the accelerator",
        "the claim",
        "the resource of a device class",
        "a claim of something else",
        "the pods' port",
        "a proxy's port",
        "no Service was read yet",
        "no port declared",
    ],
)
def test_the_container_that_serves(
    accelerator: AcceleratorClassSpec,
    pods_port: int | None,
    containers: tuple[Container, ...],
    name: str,
) -> None:
    known_by = serving(accelerator, WEB, pods_port)
    found = serving_container(containers, known_by)
    assert found is not None
    assert found.name == name
    assert is_probed(containers, known_by) == (name == "proxy")
