"""A model behind a Service with a pool of its own, and a pod inside the cluster that calls it."""

import time
from dataclasses import dataclass

from hack.demo.commands import KubectlCluster
from tests.e2e.conftest import CHART, RELEASE
from tests.e2e.queue_namespace import QueueNamespace, manifests


def install_activators(cluster: KubectlCluster) -> str:
    """Poolkeeper with activators, which stay for the next test; the name of its Deployment."""
    cluster.helm("upgrade", "--install", "poolkeeper", CHART, *RELEASE, "--set", "activator.enabled=true")
    return "poolkeeper"


@dataclass(frozen=True)
class ServedModel:
    """One of the demo's models; its Deployment, its Service and its pool bear the same name."""

    world: QueueNamespace
    name: str

    @classmethod
    def at_zero(cls, world: QueueNamespace, name: str, *files: str) -> "ServedModel":
        """Created from the demo's manifests, once the Service leads to the activators."""
        model = cls(world, name)
        world.apply(*(document for file in ("caller.yaml", *files) for document in manifests(file)))
        world.kubectl("wait", "--for=condition=Ready", "pod/caller", "--timeout", "60s")
        world.wait_until(
            "an activator is an endpoint", lambda: f"{name}-poolkeeper-ipv4" in model.slices(), 60
        )
        time.sleep(2)  # kube-proxy
        return model

    def call(self, program: str, *arguments: str) -> str:
        """What a Python program prints that runs inside the cluster."""
        return self.world.kubectl("exec", "caller", "--", "python3", "-c", program, *arguments)

    def slices(self) -> str:
        """Names of the Service's EndpointSlices."""
        chosen = f"kubernetes.io/service-name={self.name}"
        return self.world.kubectl("get", "endpointslices", "--selector", chosen, "--output", "name")

    def replicas(self) -> int:
        """What the model's Deployment asks for."""
        deployment = self.world.cluster.get("deployment", self.name, self.world.namespace)
        return int(deployment["spec"]["replicas"])

    def wait_until_warm(self) -> None:
        """Returns once requests go to the pods without passing an activator."""
        self.world.wait_until("warm traffic passes us by", lambda: "poolkeeper" not in self.slices(), 30)

    def wait_until_at_zero(self) -> None:
        """Returns once no replica is asked for."""
        self.world.wait_until("the model is at zero again", lambda: self.replicas() == 0, 60)
