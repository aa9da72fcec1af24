"""What a pool's conditions say about its target, for each answer of the API server."""

import pytest

from hack.testing.clocks import ManualClock
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.conflicts import scalers_in
from poolkeeper.kube.objects.scale import Scale, ScaleClient
from poolkeeper.kube.objects.targets import read_target
from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.discovery import MISS_SECONDS, Discovery
from poolkeeper.kube.transport.errors import (
    ApiError,
    ApiUnreachable,
    KindUnknown,
    NoScaleSubresource,
    ScaleConflict,
    TargetForbidden,
    TargetMissing,
)
from tests.component.kube.fake_api import Answer, FakeApi, answer, refusal, reset, silence

TARGET = TargetKey("serving", "apps/v1", "Deployment", "llm")
SEEN = Scale(replicas=1, current_replicas=1, selector="app=llm", resource_version="7", uid="uid")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def discovery(client: KubeClient, clock: ManualClock) -> Discovery:
    return Discovery(client, clock)


@pytest.fixture
def scales(client: KubeClient, discovery: Discovery) -> ScaleClient:
    return ScaleClient(client, discovery)


def served(*names: str) -> Answer:
    """What an API group serves."""
    entries = [{"name": name, "kind": "Deployment", "namespaced": True} for name in names]
    return answer({"kind": "APIResourceList", "resources": entries})


def scale(replicas: int | None, version: str = "8") -> JsonObject:
    spec = {} if replicas is None else {"replicas": replicas}
    status = {"replicas": 2, "selector": "app=llm"}
    return {"metadata": {"resourceVersion": version, "uid": "uid"}, "spec": spec, "status": status}


SCALABLE = served("deployments", "deployments/scale")

OUTCOMES: dict[str, tuple[Answer, type[Exception], str]] = {
    "403": (refusal(403, "Forbidden", name="llm"), TargetForbidden, "may not update deployments/scale"),
    "404 of the object": (
        refusal(404, "NotFound", name="llm"),
        TargetMissing,
        "Deployment serving/llm does not",
    ),
    "404 of the path": (refusal(404, "NotFound"), NoScaleSubresource, "no longer serves /scale"),
    "409": (refusal(409, "Conflict", name="llm"), ScaleConflict, "read again"),
    "422": (refusal(422, "Invalid", name="llm"), ApiError, "Invalid it is"),
    "429": (refusal(429, "TooManyRequests", retry_after="9"), ApiError, "TooManyRequests"),
    "a reset": (reset(), ApiUnreachable, "gave no answer"),
}


@pytest.mark.parametrize(("fault", "kind", "message"), OUTCOMES.values(), ids=OUTCOMES)
async def test_a_write_that_fails(
    api: FakeApi, scales: ScaleClient, fault: Answer, kind: type[Exception], message: str
) -> None:
    api.answers.extend([SCALABLE, fault, fault])
    with pytest.raises(kind, match=message):
        await scales.write(TARGET, SEEN, 2)


async def test_a_write_that_is_not_answered(api: FakeApi, scales: ScaleClient) -> None:
    api.answers.extend([SCALABLE, answer(scale(1)), silence()])
    await scales.read(TARGET)
    with pytest.raises(ApiUnreachable, match=r"0\.1 s"):
        await scales.write(TARGET, SEEN, 2, timeout_seconds=0.1)


async def test_a_write_names_the_object_and_the_version_it_was_decided_for(
    api: FakeApi, scales: ScaleClient
) -> None:
    api.answers.extend([SCALABLE, answer(scale(0))])
    assert await scales.write(TARGET, SEEN, 0) == Scale(
        replicas=0, current_replicas=2, selector="app=llm", resource_version="8", uid="uid"
    )
    (request,) = api.requests("PUT")
    assert request.path == "/apis/apps/v1/namespaces/serving/deployments/llm/scale"
    assert request.body["spec"] == {"replicas": 0}
    assert (request.body["metadata"]["resourceVersion"], request.body["metadata"]["uid"]) == ("7", "uid")


async def test_no_write_begins_after_its_time(api: FakeApi, scales: ScaleClient) -> None:
    """Discovery may take all the time there is; the write must not follow then."""
    api.answers.extend([silence(), answer(scale(0))])
    with pytest.raises(ApiUnreachable, match=r"0\.1 s"):
        await scales.write(TARGET, SEEN, 0, timeout_seconds=0.1)
    assert api.requests("PUT") == []


async def test_a_scale_without_replicas_is_zero(api: FakeApi, scales: ScaleClient) -> None:
    api.answers.extend([SCALABLE, answer(scale(None))])
    assert (await scales.read(TARGET)).replicas == 0


async def test_a_kind_is_looked_up_once(api: FakeApi, scales: ScaleClient) -> None:
    api.answers.extend([SCALABLE, answer(scale(1)), answer(scale(1))])
    await scales.read(TARGET)
    await scales.read(TARGET)
    assert [request.path for request in api.seen].count("/apis/apps/v1") == 1


async def test_a_kind_that_is_not_there_is_asked_for_again_after_a_while(
    api: FakeApi, discovery: Discovery, clock: ManualClock
) -> None:
    api.answers.extend([refusal(404, "NotFound"), SCALABLE])
    for _ in range(3):
        with pytest.raises(KindUnknown):
            await discovery.resolve("apps/v1", "Deployment")
    assert len(api.seen) == 1
    clock.now += MISS_SECONDS
    assert (await discovery.resolve("apps/v1", "Deployment")).plural == "deployments"


async def test_a_scale_subresource_that_is_added_later_is_found(
    api: FakeApi, discovery: Discovery, clock: ManualClock
) -> None:
    api.answers.extend([served("deployments"), SCALABLE])
    with pytest.raises(NoScaleSubresource):
        await discovery.resolve_scalable("apps/v1", "Deployment")
    clock.now += MISS_SECONDS
    assert (await discovery.resolve_scalable("apps/v1", "Deployment")).has_scale


async def test_a_kind_that_is_taken_away_is_noticed(
    api: FakeApi, scales: ScaleClient, discovery: Discovery
) -> None:
    api.answers.extend([SCALABLE, refusal(404, "NotFound"), refusal(404, "NotFound")])
    with pytest.raises(NoScaleSubresource):
        await scales.read(TARGET)
    with pytest.raises(KindUnknown):
        await scales.read(TARGET)


async def test_an_api_server_in_trouble_is_no_unknown_kind(api: FakeApi, scales: ScaleClient) -> None:
    api.answers.extend([refusal(403, "Forbidden")])
    with pytest.raises(ApiError) as failure:
        await scales.read(TARGET)
    assert failure.value.status == 403


async def test_scalers_of_keda_count_too(api: FakeApi, client: KubeClient) -> None:
    def scaled_object(name: str, reference: dict[str, str]) -> JsonObject:
        return {"metadata": {"name": name}, "spec": {"scaleTargetRef": reference}}

    objects = [
        scaled_object("theirs", {"name": "llm"}),
        scaled_object("older-version", {"apiVersion": "apps/v1beta2", "kind": "Deployment", "name": "llm"}),
        scaled_object("other-kind", {"kind": "StatefulSet", "name": "llm"}),
        scaled_object("other-group", {"apiVersion": "example.com/v1", "kind": "Deployment", "name": "llm"}),
        {"metadata": {"name": "broken"}},
    ]
    api.answers.extend([answer({"items": []}), answer({"items": objects})])
    found = await scalers_in(client, "serving")
    assert [scaler.name for scaler in found.of(TARGET)] == ["theirs", "older-version"]


async def test_a_cluster_without_keda_has_no_scaled_objects(api: FakeApi, client: KubeClient) -> None:
    api.answers.extend([answer({"items": []}), refusal(404, "NotFound")])
    found = await scalers_in(client, "serving")
    assert not found.scalers
    assert not found.unknown


@pytest.mark.parametrize(
    ("spec", "has_template"),
    [
        ({"template": {"spec": {}}}, True),
        ({"leaderWorkerTemplate": {"size": 4, "workerTemplate": {"spec": {}}}}, True),
        ({"leaderWorkerTemplate": {"size": 4}}, False),
        ({"podTemplateRef": {"name": "elsewhere"}}, False),
    ],
)
async def test_the_pod_template_of_a_replica_that_is_a_pod_or_a_group_of_hosts(
    api: FakeApi,
    client: KubeClient,
    discovery: Discovery,
    spec: JsonObject,
    has_template: bool,
) -> None:
    api.answers.extend([SCALABLE, answer({"metadata": {"uid": "uid"}, "spec": spec})])
    target = await read_target(client, discovery, TARGET)
    assert (target.pod_template is not None) is has_template
