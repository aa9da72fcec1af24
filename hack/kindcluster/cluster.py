"""One kind cluster: created, found again after a restart of the machine, inspected, deleted.

NodePorts 30080 to 30089 of a cluster are reached on 127.0.0.1: for the cluster `poolkeeper` under the same
numbers, for any other under ten numbers that its name decides (`hack/cluster status` prints them).
"""

import json
import os
import re
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hack.kindcluster.engine import bounded_runtime
from hack.kindcluster.engine.engine import Engine
from hack.kindcluster.machine.cache import Cache, discard
from hack.kindcluster.machine.commands import run, run_logged, succeeds
from hack.kindcluster.machine.errors import ClusterError
from hack.kindcluster.machine.progress import step

DEFAULT_NAME = "poolkeeper"
NODE_PORTS = range(30080, 30090)
OTHER_HOST_PORTS = range(31000, 32000)
READY_TIMEOUT_SECONDS = 120.0
CTR_IMAGES = ("ctr", "--namespace=k8s.io", "images")


def host_ports(name: str) -> range:
    """The ports of 127.0.0.1 that lead to a cluster's NodePorts, the same for a name every time."""
    if name == DEFAULT_NAME:
        return NODE_PORTS
    first = OTHER_HOST_PORTS.start + zlib.crc32(name.encode()) % (len(OTHER_HOST_PORTS) // 10) * 10
    return range(first, first + len(NODE_PORTS))


def kind_configuration(
    name: str, *, own_image: bool, missing_capabilities: frozenset[str]
) -> dict[str, object]:
    """The kind configuration of a single-node cluster; JSON is YAML, so it is written as it is."""
    kubelet: dict[str, object] = {
        "kind": "KubeletConfiguration",
        # Since 1.35 the kubelet refuses hosts with cgroup v1 unless this is set.
        "failCgroupV1": False,
    }
    if "CAP_SYS_RESOURCE" in missing_capabilities:
        # The kubelet then forgives that it may not raise limits and lower OOM scores.
        kubelet["featureGates"] = {"KubeletInUserNamespace": True}
    mappings = [
        {"containerPort": node_port, "hostPort": host_port, "listenAddress": "127.0.0.1"}
        for node_port, host_port in zip(NODE_PORTS, host_ports(name), strict=True)
    ]
    networking = {"ipFamily": "ipv4"}
    if own_image:
        # Our kube-proxy image carries nft alone.
        networking["kubeProxyMode"] = "nftables"
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "kubeadmConfigPatches": [json.dumps(kubelet)],
        "nodes": [{"role": "control-plane", "extraPortMappings": mappings}],
    }


def pods_not_ready(pods: Sequence[Mapping[str, Any]], since: datetime) -> list[str]:
    """The names of the pods with a container that is not ready, or that started before `since`."""

    def ready(container: Mapping[str, Any]) -> bool:
        running = container["state"].get("running")
        # The API rounds to whole seconds.
        return running and container["ready"] and datetime.fromisoformat(running["startedAt"]) >= since

    since = since.replace(microsecond=0)
    return [
        pod["metadata"]["name"]
        for pod in pods
        if not pod["status"].get("containerStatuses")
        or not all(map(ready, pod["status"]["containerStatuses"]))
    ]


def kubeconfig(cache: Cache, name: str) -> Path:
    """Where a cluster's kubeconfig is; the user's own is left alone."""
    return cache.path("clusters", name, "kubeconfig")


def labelled_images(listing: str, key: str) -> dict[str, str]:
    """From `ctr images list`: the images with a label, without their default registry, and its value."""
    found = {}
    for line in listing.splitlines():
        if label := re.search(rf"\b{re.escape(key)}=([^,\s]*)", line):
            found[line.split()[0].partition("/")[2]] = label.group(1)
    return found


@dataclass(frozen=True)
class KindCluster:
    """One cluster by its name."""

    name: str
    cache: Cache
    engine: Engine
    kind: Path
    kubectl: Path

    @property
    def folder(self) -> Path:
        """Where the cluster's files lie."""
        return self.cache.path("clusters", self.name)

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of its admin."""
        return kubeconfig(self.cache, self.name)

    @property
    def node(self) -> str:
        """Name of its one node, and of that node's container."""
        return f"{self.name}-control-plane"

    @property
    def _completed(self) -> Path:
        """Exists once creation has ended well; a node container without it is half a cluster."""
        return self.folder / "completed"

    def node_state(self) -> str:
        """What the engine says about the node container: running, exited, …; absent where there is none."""
        if not self.engine.accepts("container", "inspect", self.node):
            return "absent"
        return self._inspect("{{.State.Status}}")

    def create(self, image: str) -> None:
        """Creates it from a node image and returns once it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration = kind_configuration(
            self.name,
            own_image=image.startswith("poolkeeper/"),
            missing_capabilities=bounded_runtime.missing_capabilities(),
        )
        config_file = self.folder / "kind.yaml"
        config_file.write_text(json.dumps(configuration, indent=2) + "\n")
        with step(f"Create the kind cluster {self.name} from {image}", "about 30 s"):
            self._run_kind(
                "create", "cluster", "--image", image, "--config", str(config_file), "--wait", "120s"
            )
            self.wait_ready()
        self._completed.touch()

    def recover(self) -> bool:
        """Bring back a cluster that was created before; False if there is none, or only half of one."""
        state = self.node_state()
        if state == "absent":
            return False
        if not self._completed.exists():
            with step(f"Remove the half-created cluster {self.name}"):
                self.delete()
            return False
        if state == "paused":
            self.engine.docker("unpause", self.node)
        elif state != "running":
            with step(f"Start the stopped node {self.node}"):
                self.engine.docker("start", self.node)
        if not self.kubeconfig.exists():
            self._run_kind("export", "kubeconfig")
        with step(f"Wait until the cluster {self.name} is ready"):
            self.wait_ready()
        return True

    def delete(self) -> None:
        """Deletes the cluster and its files."""
        self._run_kind("delete", "cluster")
        discard(self.folder)

    def wait_ready(self) -> None:
        """Returns once nodes and pods are ready. Raises ClusterError."""
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while missing := self.not_ready():
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"the cluster {self.name} does not become ready: {missing}. `docker logs {self.node}`"
                    f" may tell why; `hack/cluster down --name {self.name}` and `up` start over"
                )
            time.sleep(0.5)

    def not_ready(self) -> str:
        """What the cluster still lacks, in words; empty once it is ready."""
        if not self._kubectl_succeeds("get", "--raw", "/readyz"):
            return "the API server does not answer"
        lease = f"lease/{self.node}", "--namespace=kube-node-lease", "--output=jsonpath={.spec.renewTime}"
        if not self._kubectl_succeeds("get", *lease):
            return "the kubelet has not registered its node"
        # After a restart, the API server first reports the state from before it: wait for a newer heartbeat.
        renewed = datetime.fromisoformat(self._kubectl("get", *lease))
        started = datetime.fromisoformat(self._inspect("{{.State.StartedAt}}"))
        if renewed < started:
            return "the kubelet has not reported since the node started"
        ready = '--output=jsonpath={.status.conditions[?(@.type=="Ready")].status}'
        if self._kubectl("get", f"node/{self.node}", ready) != "True":
            return "the node is not Ready"
        pods = json.loads(self._kubectl("get", "pods", "--namespace=kube-system", "--output=json"))
        if waiting := pods_not_ready(pods["items"], started):
            return f"these pods are not ready: {', '.join(waiting)}"
        return ""

    def execute(self, *command: str) -> str:
        """Run a command on the node."""
        return self.engine.docker("exec", self.node, *command)

    def load(self, images: list[str]) -> None:
        """Copy images from the engine into the node."""
        self._run_kind("load", "docker-image", *images)

    def label_image(self, image: str, key: str, value: str) -> None:
        """Note on a node's image what it was built from."""
        references = self.execute(*CTR_IMAGES, "list", "--quiet").split()
        reference = next(name for name in references if name.endswith(f"/{image}"))
        self.execute(*CTR_IMAGES, "label", reference, f"{key}={value}")

    def image_labels(self, key: str) -> dict[str, str]:
        """The node's images that carry a label, and its value."""
        return labelled_images(self.execute(*CTR_IMAGES, "list"), key)

    def _inspect(self, template: str) -> str:
        return self.engine.docker("container", "inspect", "--format", template, self.node).strip()

    def _kubectl(self, *arguments: str) -> str:
        return run(self.kubectl, "--kubeconfig", self.kubeconfig, *arguments, timeout_seconds=20)

    def _kubectl_succeeds(self, *arguments: str) -> bool:
        return succeeds(self.kubectl, "--kubeconfig", self.kubeconfig, *arguments, timeout_seconds=20)

    def _run_kind(self, *arguments: str) -> None:
        command: list[str | Path] = [self.kind, *arguments, "--name", self.name]
        env = self.engine.environment | {
            "KUBECONFIG": str(self.kubeconfig),
            "KIND_EXPERIMENTAL_PROVIDER": "docker",
        }
        run_logged(command, self.cache.log(f"kind-{self.name}"), env=env)


def link_tools(cache: Cache, paths: list[Path]) -> Path:
    """A folder for PATH that holds just the tools a person works with."""
    folder = cache.path("bin")
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        link, scratch = folder / path.name, folder / f".{path.name}.{os.getpid()}"
        scratch.symlink_to(path)
        scratch.rename(link)
    return folder
