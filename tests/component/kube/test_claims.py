"""Reading resource claims: who shares a read, which version is asked for, and what is said where it fails."""

from typing import Any

import pytest

from poolkeeper.kube.objects.devices.claims import MOST_CLAIMS, NO_CLAIMS
from poolkeeper.kube.objects.devices.kept import FAILURE_KEPT_SECONDS, KEPT_SECONDS, MOST_KEPT, Kept
from poolkeeper.kube.objects.devices.reader import ClaimReader
from poolkeeper.kube.transport.client import KubeClient
from tests.component.kube.fake_api import Answer, FakeApi, JsonObject, answer, refusal

NAMESPACE = "serving"
TEMPLATE = {
    "spec": {
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}}
    }
}
DEVICE_CLASS = {"spec": {"extendedResourceName": "nvidia.com/gpu"}}
UNSERVED = refusal(404, "NotFound")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(client: KubeClient, clock: Clock) -> ClaimReader:
    return ClaimReader(client, clock)


def claiming(*names: str, by: str = "resourceClaimTemplateName") -> JsonObject:
    claims = [{"name": f"claim-{place}", by: name} for place, name in enumerate(names)]
    return {"spec": {"resourceClaims": claims}}


async def test_a_template_without_claims_costs_no_request(api: FakeApi, reader: ClaimReader) -> None:
    assert await reader.read(NAMESPACE, {"spec": {"containers": []}}) == NO_CLAIMS
    assert not api.seen


async def test_pools_that_name_the_same_objects_share_a_read_for_a_minute(
    api: FakeApi, reader: ClaimReader, clock: Clock
) -> None:
    api.answers.extend([answer(TEMPLATE), answer(DEVICE_CLASS), answer(TEMPLATE)])
    first = await reader.read(NAMESPACE, claiming("one-gpu"))
    assert await reader.read(NAMESPACE, claiming("one-gpu")) == first
    await reader.read("elsewhere", claiming("one-gpu"))
    assert [request.path for request in api.seen] == [
        "/apis/resource.k8s.io/v1/namespaces/serving/resourceclaimtemplates/one-gpu",
        "/apis/resource.k8s.io/v1/deviceclasses/gpu.nvidia.com",
        "/apis/resource.k8s.io/v1/namespaces/elsewhere/resourceclaimtemplates/one-gpu",
    ]
    clock.now += KEPT_SECONDS + 1
    api.answers.extend([answer(TEMPLATE), answer(DEVICE_CLASS)])
    await reader.read(NAMESPACE, claiming("one-gpu"))
    assert len(api.seen) == 5
    assert dict(first.extended) == {"gpu.nvidia.com": "nvidia.com/gpu"}
    assert first.all_problems == ()


async def test_what_failed_is_asked_for_again_after_seconds(
    api: FakeApi, reader: ClaimReader, clock: Clock
) -> None:
    api.answers.extend([refusal(404, "NotFound", name="one-gpu"), answer(TEMPLATE), answer(DEVICE_CLASS)])
    for _ in range(2):
        assert (await reader.read(NAMESPACE, claiming("one-gpu"))).all_problems
    assert len(api.seen) == 1
    clock.now += FAILURE_KEPT_SECONDS + 1
    assert not (await reader.read(NAMESPACE, claiming("one-gpu"))).all_problems


async def test_an_older_version_is_asked_for_where_v1_is_not_served(
    api: FakeApi, reader: ClaimReader
) -> None:
    api.answers.extend([UNSERVED, UNSERVED, answer(TEMPLATE), answer(DEVICE_CLASS)])
    found = await reader.read(NAMESPACE, claiming("one-gpu"))
    assert found.all_problems == ()
    assert [request.path.split("/")[3] for request in api.seen] == ["v1", "v1beta2", "v1beta1", "v1beta1"]


@pytest.mark.parametrize(
    ("answers", "by", "reason", "said", "is_wrong"),
    [
        ([refusal(404, "NotFound", name="absent")], "Template", "ClaimMissing", "create it", True),
        ([refusal(404, "NotFound", name="absent")], "", "ClaimMissing", "ResourceClaim absent, which", True),
        ([UNSERVED] * 3, "Template", "ClaimsUnknown", "does not serve resource.k8s.io", False),
        (
            [refusal(403, "Forbidden", name="absent")],
            "Template",
            "ClaimsForbidden",
            "may not get resourceclaimtemplates of resource.k8s.io in namespace serving: add that rule",
            False,
        ),
        ([answer({"spec": 7})], "Template", "ClaimUnreadable", "can't be read", False),
        (
            [answer(TEMPLATE), refusal(404, "NotFound", name="gpu.nvidia.com")],
            "Template",
            "DeviceClassMissing",
            "install the driver",
            True,
        ),
        (
            [answer(TEMPLATE), refusal(403, "Forbidden", name="gpu.nvidia.com")],
            "Template",
            "ClaimsForbidden",
            "may not get deviceclasses of resource.k8s.io: add that rule to its ClusterRole",
            False,
        ),
    ],
)
async def test_what_can_not_be_read_is_said(
    api: FakeApi,
    reader: ClaimReader,
    answers: list[Answer],
    by: str,
    reason: str,
    said: str,
    is_wrong: bool,
) -> None:
    api.answers.extend(answers)
    found = await reader.read(NAMESPACE, claiming("absent", by=f"resourceClaim{by}Name"))
    (problem,) = found.all_problems
    assert (problem.reason, problem.is_wrong) == (reason, is_wrong)
    assert said in problem.message


async def test_a_device_class_that_only_the_accelerator_class_names_may_be_missing(
    api: FakeApi, reader: ClaimReader
) -> None:
    api.answers.append(refusal(404, "NotFound", name="gpu.nvidia.com"))
    found = await reader.read(NAMESPACE, {"spec": {}}, ("gpu.nvidia.com",))
    assert (found.claims, found.all_problems, dict(found.extended)) == ((), (), {})


async def test_a_pod_with_countless_claims_is_not_read_to_the_end(api: FakeApi, reader: ClaimReader) -> None:
    api.answers.extend([answer({})] * MOST_CLAIMS)
    found = await reader.read(NAMESPACE, claiming(*map(str, range(1_000))))
    assert len(api.seen) == MOST_CLAIMS
    assert [problem.reason for problem in found.all_problems] == ["ClaimsUnknown"]


async def test_no_more_is_kept_than_the_bound(clock: Clock) -> None:
    kept: Kept[int, Any] = Kept(clock)

    async def read() -> int:
        return 1

    for key in range(MOST_KEPT + 100):
        await kept.get(key, read)
    assert len(kept) == MOST_KEPT
    clock.now += KEPT_SECONDS + 1
    await kept.get(0, read)
    assert len(kept) == 1
