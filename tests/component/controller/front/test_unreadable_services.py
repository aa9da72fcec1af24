"""Services that can't be read: how often the API server is asked again."""

from typing import Any, cast

import pytest

from poolkeeper.api.demand import Http
from poolkeeper.controller.front.network_reach import NetworkReach
from poolkeeper.controller.front.services import REFUSED, RETRIES, Services
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.targets import Target, of_one_pod
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, NotFound
from poolkeeper.sources.base import SourceFailure
from tests.component.controller.front.http_scene import HttpScene

HOUR_SECONDS = 3600


class Refusing:
    """An API server that answers each request with the same failure."""

    def __init__(self, failure: ApiError) -> None:
        self.failure = failure
        self.requests = 0

    async def request(self, *_: object, **__: object) -> dict[str, Any]:
        self.requests += 1
        raise self.failure


async def test_without_activators_they_are_asked_for_and_not_rights() -> None:
    """A default install may not read Services, and the right to do so would not help."""
    scene = HttpScene(settings=None)
    scene.api.answers_for_services.clear()
    pool = scene.declare()
    with pytest.raises(SourceFailure, match="set the chart's value activator") as raised:
        await scene.http.backends(pool.key)
    assert raised.value.reason == "NoActivators"


async def read_target(_: TargetKey) -> Target:
    return Target("uid", 1, of_one_pod({"spec": {"containers": []}}))


@pytest.mark.parametrize(
    ("failure", "longest_seconds"),
    [
        (ApiError(403, "Forbidden", "may not get services"), REFUSED.longest_seconds),
        (NotFound(404, "NotFound", "no such Service", object_name="chat"), RETRIES.longest_seconds),
        (ApiError(500, "InternalError", "etcd is away"), RETRIES.longest_seconds),
    ],
)
async def test_pauses_grow_while_a_service_can_not_be_read(
    scene: HttpScene, failure: ApiError, longest_seconds: float
) -> None:
    """A default install without the right asked every three seconds for ever."""
    server = Refusing(failure)
    client = cast(KubeClient, server)
    services = Services(
        client, read_target, NetworkReach(client, scene.activators.place, scene.clock), scene.clock
    )
    pool = scene.declare()
    for _ in range(HOUR_SECONDS):
        scene.now += 1.0
        with pytest.raises(SourceFailure):
            await services.look(pool, Http(service="chat", port=80))
    growing = 10
    assert HOUR_SECONDS / longest_seconds - 1 <= server.requests
    assert server.requests <= HOUR_SECONDS / (longest_seconds / 2) + growing
