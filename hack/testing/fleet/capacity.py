"""Nodes that come and go: capacity, a stock-out, a spot machine that is taken away."""

import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from hack.testing.fleet.hardware import Shape
from hack.testing.objects import delete_pod, patch
from hack.testing.waiting import eventually
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import NotFound
from poolkeeper.kube.transport.paths import api_path

_NUMBERS = itertools.count()
READY_SECONDS = 30.0


@dataclass
class Capacity:
    """The nodes that one test made, and takes away at its end: no two tests run at the same time."""

    client: KubeClient
    owner: str
    """Is in the names of its nodes."""
    names: list[str] = field(default_factory=list)

    async def add(self, shape: Shape, nodes: int = 1) -> list[str]:
        """Nodes of a shape, ready for pods; their names."""
        made = [await self._create(shape) for _ in range(nodes)]
        for name in made:
            await eventually(partial(self._is_ready, name), f"node {name} is ready", READY_SECONDS)
        return made

    async def add_slice(self, shape: Shape) -> list[str]:
        """The hosts of one TPU slice, which come together."""
        topology = shape.labels["cloud.google.com/gke-tpu-topology"]
        chips = 1
        for side in topology.split("x"):
            chips *= int(side)
        return await self.add(shape, max(1, chips // shape.units))

    async def stock_out(self, *names: str) -> None:
        """No new pod gets onto these nodes, or onto any; those that run there stay."""
        for name in names or self.names:
            await self._set_unschedulable(name, True)

    async def restock(self, *names: str) -> None:
        """Ends a stock-out."""
        for name in names or self.names:
            await self._set_unschedulable(name, False)

    async def take_away(self, *names: str) -> None:
        """Nodes that vanish with the pods on them, as spot machines do, or as an autoscaler removes idle
        ones."""
        for name in names or tuple(self.names):
            for namespace, pod in await self._pods_on(name):
                with suppress(NotFound):
                    await delete_pod(self.client, namespace, pod)
            await self.client.request("DELETE", api_path("v1", "nodes", name))
            self.names.remove(name)

    async def _create(self, shape: Shape) -> str:
        name = f"{shape.name}-{self.owner}-{next(_NUMBERS)}".replace(".", "-")
        units = {shape.resource: str(shape.units)} if shape.resource else {}
        amounts = {"cpu": "192", "memory": "2048Gi", "pods": "200", "ephemeral-storage": "4Ti"}
        amounts |= {**shape.more, **units}
        taints = [{"key": shape.taint, "value": shape.taint_value, "effect": "NoSchedule"}]
        labels = {"kubernetes.io/hostname": name, **shape.labels}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": taints if shape.taint else []},
            "status": {"capacity": amounts, "allocatable": amounts},
        }
        await self.client.request("POST", api_path("v1", "nodes"), body=node)
        self.names.append(name)
        return name

    async def _is_ready(self, name: str) -> bool:
        node = await self.client.request("GET", api_path("v1", "nodes", name))
        taints = node["spec"].get("taints") or ()
        return not any(taint["key"].startswith("node.kubernetes.io/") for taint in taints) and any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in node["status"].get("conditions") or ()
        )

    async def _set_unschedulable(self, name: str, value: bool) -> None:
        await patch(self.client, api_path("v1", "nodes", name), {"spec": {"unschedulable": value or None}})

    async def _pods_on(self, node: str) -> list[tuple[str, str]]:
        query = (("fieldSelector", f"spec.nodeName={node}"),)
        found = await self.client.request("GET", api_path("v1", "pods"), query=query)
        return [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found["items"]]
