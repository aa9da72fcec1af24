"""Nodes that do not exist: real controllers and a real scheduler, and kwok in the place of kubelets."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hack.testing.control_plane import ControlPlane, Process, tools
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import api_path

STAGES = Path(__file__).with_name("stages.yaml")
QUICK = ("--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000", "--secure-port=0")
CHIPS_PER_NODE = 8


@contextmanager
def controllers(control_plane: ControlPlane, folder: Path) -> Iterator[None]:
    """The controllers that make pods of Deployments, and the scheduler that gives them nodes."""
    manager, scheduler = tools("kube-controller-manager", "kube-scheduler")
    kubeconfig = f"--kubeconfig={control_plane.kubeconfig()}"
    signing_key = f"--service-account-private-key-file={control_plane.signing_key}"
    syncs = ("--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20")
    with ExitStack() as running:
        for command in ([manager, kubeconfig, signing_key, *syncs, *QUICK], [scheduler, kubeconfig, *QUICK]):
            process = Process(command, folder / f"{Path(command[0]).name}.log")
            running.callback(process.stop)
        yield


@contextmanager
def pretended_kubelets(control_plane: ControlPlane, folder: Path, lease_seconds: int = 0) -> Iterator[None]:
    """Makes every node ready and every pod on one run, as stages.yaml says. With a lease, nodes stay ready
    for longer than the 50 s after which the node controller misses their kubelet."""
    (kwok,) = tools("kwok")
    process = Process(
        [
            kwok,
            f"--kubeconfig={control_plane.kubeconfig()}",
            "--manage-all-nodes=true",
            f"--config={STAGES}",
            f"--node-lease-duration-seconds={lease_seconds}",
        ],
        folder / "kwok.log",
    )
    try:
        yield
    finally:
        process.stop()


async def create_node(client: KubeClient, name: str, resource: str = "nvidia.com/gpu") -> None:
    """A node with some accelerators."""
    amounts = {"cpu": "64", "memory": "512Gi", "pods": "200", resource: str(CHIPS_PER_NODE)}
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"capacity": amounts, "allocatable": amounts},
    }
    await client.request("POST", api_path("v1", "nodes"), body=node)
