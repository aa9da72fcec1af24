"""Nodes as clouds make them: labels, taints and accelerators of one machine of each shape."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]


class Shape(NamedTuple):
    """One kind of machine."""

    name: str
    """Beginning of the names of its nodes."""
    resource: str
    """What its pods ask for; empty where a DRA driver hands out its devices."""
    units: int
    """How many of that resource a node has."""
    labels: Mapping[str, str]
    taint: str = ""
    """Key of its NoSchedule taint; empty for none."""
    taint_value: str = "present"
    more: Mapping[str, str] = {}
    """Further resources that a node has."""

    @property
    def tolerations(self) -> list[Json]:
        """What a pod needs to run there."""
        return [{"key": self.taint, "operator": "Exists", "effect": "NoSchedule"}] if self.taint else []


def _nvidia(product: str, gpus: int, memory: int, **more: str) -> dict[str, str]:
    """What NVIDIA's feature discovery writes."""
    labels = {"product": product, "count": str(gpus), "memory": str(memory), "present": "true", **more}
    return {f"nvidia.com/gpu.{name}": value for name, value in labels.items()}


def _gke_gpu(name: str, accelerator: str, gpus: int) -> Shape:
    return Shape(
        f"gke-{name}",
        "nvidia.com/gpu",
        gpus,
        {
            "cloud.google.com/gke-accelerator": accelerator,
            "cloud.google.com/gke-gpu-driver-version": "latest",
        },
        "nvidia.com/gpu",
    )


def _karpenter_gpu(name: str, gpu: str, product: str, gpus: int, memory: int) -> Shape:
    labels = {
        "karpenter.k8s.aws/instance-gpu-name": gpu,
        "karpenter.k8s.aws/instance-gpu-count": str(gpus),
        "karpenter.k8s.aws/instance-gpu-memory": str(memory),
        "karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia",
        **_nvidia(product, gpus, memory),
    }
    return Shape(f"eks-{name}", "nvidia.com/gpu", gpus, labels, "nvidia.com/gpu", "true")


def gke_tpu(accelerator: str, topology: str, chips_per_host: int) -> Shape:
    """One host of a TPU slice. A slice is as many hosts as its topology has chips, divided by those of one
    host: `capacity.add_slice` makes them together."""
    labels = {
        "cloud.google.com/gke-tpu-accelerator": accelerator,
        "cloud.google.com/gke-tpu-topology": topology,
    }
    name = f"gke-{accelerator}-{topology}"
    return Shape(name, "google.com/tpu", chips_per_host, labels, "google.com/tpu")


def _neuron(name: str, accelerator: str, devices: int, cores: int) -> Shape:
    labels = {
        "karpenter.k8s.aws/instance-accelerator-name": accelerator,
        "karpenter.k8s.aws/instance-accelerator-count": str(devices),
        "karpenter.k8s.aws/instance-accelerator-manufacturer": "aws",
    }
    more = {"aws.amazon.com/neuroncore": str(cores)}
    return Shape(f"eks-{name}", "aws.amazon.com/neuron", devices, labels, "aws.amazon.com/neuron", more=more)


GKE_L4 = _gke_gpu("l4", "nvidia-l4", 1)
GKE_L4_OF_8 = _gke_gpu("l4-8", "nvidia-l4", 8)
GKE_A100 = _gke_gpu("a100", "nvidia-a100-80gb", 8)
GKE_H100 = _gke_gpu("h100", "nvidia-h100-80gb", 8)
GKE_TPU_V5E_4X4 = gke_tpu("tpu-v5-lite-podslice", "4x4", 4)
EKS_L4 = _karpenter_gpu("g6", "l4", "NVIDIA-L4", 1, 22888)
EKS_H100 = _karpenter_gpu("p5", "h100", "NVIDIA-H100-80GB-HBM3", 8, 81920)
EKS_INFERENTIA2 = _neuron("inf2", "inferentia2", 6, 12)
EKS_TRAINIUM2 = _neuron("trn2", "trainium2", 16, 128)
MIG_MIXED = Shape(
    "mig",
    "nvidia.com/mig-1g.5gb",
    7,
    {**_nvidia("A100-SXM4-40GB", 1, 40960), "nvidia.com/mig.strategy": "mixed"},
    "nvidia.com/gpu",
    more={"nvidia.com/gpu": "0"},
)
"""One A100 that is cut into seven parts."""
TIME_SLICED = Shape(
    "shared",
    "nvidia.com/gpu.shared",
    4,
    _nvidia("Tesla-T4-SHARED", 1, 15360, replicas="4") | {"nvidia.com/gpu.sharing-strategy": "time-slicing"},
    "nvidia.com/gpu",
)
"""One T4 that four pods share by time."""
AMD_MI300X = Shape(
    "amd",
    "amd.com/gpu",
    8,
    {"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM", "amd.com/gpu.vram": "192G"},
    "amd.com/gpu",
)
GAUDI3 = Shape("gaudi", "habana.ai/gaudi", 8, {}, "habana.ai/gaudi")
DRA_H100 = Shape("dra", "", 0, _nvidia("NVIDIA-H100-80GB-HBM3", 8, 81920), "nvidia.com/gpu")
"""Its GPUs are in ResourceSlices (`claims.py`), and in no resource of the node."""
CPU = Shape("cpu", "", 0, {"kubernetes.io/arch": "amd64"})
