"""Objects in the cluster that nobody expects, and faults of ours in one part: the others go on."""

import asyncio
from typing import Any, cast

import pytest

from poolkeeper.api.demand import Http
from poolkeeper.controller.front.network_reach import NetworkReach
from poolkeeper.controller.front.services import Services
from poolkeeper.controller.loop.restarting import RESTARTS
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.targets import Target, of_one_pod
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.sources.base import SourceFailure
from tests.component.controller.front.http_scene import ONE, HttpScene


def slice_of_others(**fields: Any) -> dict[str, Any]:
    """As anybody who may write EndpointSlices can make one: the API allows a port without a number."""
    metadata = {
        "name": "evil",
        "namespace": "ns",
        "labels": {"endpointslice.kubernetes.io/managed-by": "activator.poolkeeper.dev"},
        "ownerReferences": [{"apiVersion": "x/v1", "kind": "AcceleratorPool", "name": "p", "uid": "u"}],
    }
    return {"metadata": metadata, "addressType": "IPv4", "endpoints": [], "ports": None, **fields}


@pytest.mark.parametrize(
    "fields",
    [
        {"ports": [{"name": "x", "protocol": "TCP"}]},
        {"endpoints": [{}], "ports": [{"port": None}]},
        {"addressType": None},
        {"metadata": {"name": "evil", "namespace": "ns", "ownerReferences": [{"kind": "AcceleratorPool"}]}},
    ],
)
async def test_a_slice_that_can_not_be_read_keeps_no_pool_from_its_activators(
    scene: HttpScene, fields: dict[str, Any]
) -> None:
    scene.api.slices["evil"] = slice_of_others(**fields)
    scene.add_activator(ONE)
    scene.declare()
    scene.start()
    await scene.settle()
    assert not [task for task in scene.running if task.done()]
    assert scene.slice() is not None


async def test_a_port_without_a_number_is_said_to_be_missing(scene: HttpScene) -> None:
    """As the template of a kind that nobody knows may have one."""
    template = {"spec": {"containers": [{"ports": [{"name": "http"}]}]}}

    async def read_target(_: TargetKey) -> Target:
        return Target("uid", 1, of_one_pod(template))

    scene.api.services["chat"]["spec"]["ports"][0]["targetPort"] = "http"
    client = cast(KubeClient, scene.api)
    reach = NetworkReach(client, scene.activators.place, scene.clock)
    pool = scene.declare()
    with pytest.raises(SourceFailure) as failure:
        await Services(client, read_target, reach, scene.clock).look(pool, Http(service="chat", port=80))
    assert failure.value.reason == "TargetPortUnknown"


async def test_a_fault_in_the_endpoints_does_not_end_the_front(
    scene: HttpScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("poolkeeper.controller.front.endpoints.by_pool", None)
    scene.add_activator(ONE)
    scene.declare()
    scene.start()
    await scene.settle()
    assert not [task for task in scene.running if task.done()]
    assert scene.published
    monkeypatch.undo()
    await asyncio.sleep(RESTARTS.first_seconds)
    await scene.settle()
    assert scene.slice() is not None
