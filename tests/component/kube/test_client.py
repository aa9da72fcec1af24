"""What the client makes of each way in which an API server can fail."""

import asyncio

import pytest
from kubernetes.aio.client.configuration import Configuration

from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable, CredentialsMissing
from tests.component.kube.fake_api import Answer, FakeApi, answer, raw, refusal, refusing, reset, silence

ANSWERED = {
    "429": refusal(429, "TooManyRequests", retry_after="0"),
    "500": refusal(500, "InternalError"),
    "503": refusal(503, "ServiceUnavailable"),
    "a proxy's 502": raw("<html>bad gateway</html>", 502),
    "a proxy's JSON": answer({"details": "no backend", "reason": 7, "message": ["none"]}, 502),
    "half a page": raw("<html>"),
    "no object": answer([1, 2]),
}
PASSING = {**ANSWERED, "a connection reset": reset()}
LASTING = {"403": refusal(403, "Forbidden"), "404": refusal(404, "NotFound"), "409": refusal(409, "Conflict")}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
async def test_a_read_is_tried_again(api: FakeApi, client: KubeClient, fault: Answer) -> None:
    api.answers.extend([fault, fault, answer({"kind": "Pod"})])
    assert await client.request("GET", "/api/v1/any") == {"kind": "Pod"}
    assert len(api.seen) == 3


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
async def test_a_refusal_of_a_read_is_final(api: FakeApi, client: KubeClient, fault: Answer) -> None:
    api.answers.append(fault)
    with pytest.raises(ApiError, match="it is"):
        await client.request("GET", "/api/v1/any")
    assert len(api.seen) == 1


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("fault", ANSWERED.values(), ids=ANSWERED)
async def test_a_write_is_sent_once(api: FakeApi, client: KubeClient, method: str, fault: Answer) -> None:
    """Whether a write may still start after a failure is for the holder of the lease to say."""
    api.answers.append(fault)
    with pytest.raises((ApiError, ApiUnreachable)):
        await client.request(method, "/api/v1/any", body={"a": 1})
    assert len(api.seen) == 1


@pytest.mark.parametrize(("method", "most"), [("POST", 1), ("PATCH", 1), ("PUT", 2), ("DELETE", 2)])
async def test_a_write_on_a_dead_connection(api: FakeApi, client: KubeClient, method: str, most: int) -> None:
    api.answers.extend([reset()] * 5)
    with pytest.raises(ApiUnreachable):
        await client.request(method, "/api/v1/any", body={"a": 1})
    assert len(api.seen) == most


async def test_the_time_that_the_api_server_asks_for_is_reported(api: FakeApi, client: KubeClient) -> None:
    api.answers.append(refusal(429, "TooManyRequests", retry_after="7"))
    with pytest.raises(ApiError) as failure:
        await client.request("PUT", "/api/v1/any", body={})
    assert (failure.value.status, failure.value.retry_after_seconds) == (429, 7.0)


async def test_a_read_that_would_have_to_wait_too_long_ends_at_once(api: FakeApi, client: KubeClient) -> None:
    api.answers.append(refusal(429, "TooManyRequests", retry_after="3600"))
    with pytest.raises(ApiError) as failure:
        await client.request("GET", "/api/v1/any")
    assert failure.value.retry_after_seconds == 3600
    assert len(api.seen) == 1


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_silence_ends_after_the_time_that_was_given(
    api: FakeApi, client: KubeClient, method: str
) -> None:
    api.answers.append(silence())
    with pytest.raises(ApiUnreachable, match=r"did not answer .* within 0\.05 s") as failure:
        await client.request(method, "/api/v1/any", timeout_seconds=0.05)
    assert failure.value.reason == "ApiTimeout"


async def test_a_read_gives_up_within_its_time_however_often_it_fails(
    api: FakeApi, client: KubeClient
) -> None:
    api.answers.extend([reset()] * 1000)
    with pytest.raises(ApiUnreachable):
        await client.request("GET", "/api/v1/any", timeout_seconds=0.2)
    assert 1 < len(api.seen) < 1000


async def test_nobody_listens() -> None:
    async with KubeClient(Configuration(host="http://127.0.0.1:1")) as nowhere:
        with pytest.raises(ApiUnreachable, match="gave no answer to PUT /api/v1/any"):
            await nowhere.request("PUT", "/api/v1/any", body={})


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_a_refused_login_is_renewed(api: FakeApi, client: KubeClient, method: str) -> None:
    """A write that was refused so was not executed: it may be sent again with the new token."""
    api.answers.append(refusal(401, "Unauthorized"))
    await client.request(method, "/api/v1/any", body={"a": 1} if method == "PUT" else None)
    assert [request.authorization for request in api.seen] == ["Bearer token-1", "Bearer token-2"]


async def test_many_refused_logins_are_renewed_once(api: FakeApi, client: KubeClient) -> None:
    api.answers.extend([refusing("Bearer token-1")] * 10)
    await asyncio.gather(*(client.request("GET", "/api/v1/any") for _ in range(5)))
    assert {request.authorization for request in api.seen} == {"Bearer token-1", "Bearer token-2"}


async def test_credentials_that_stay_refused_are_not_renewed_all_the_time(
    api: FakeApi, client: KubeClient
) -> None:
    api.answers.extend([refusal(401, "Unauthorized")] * 10)
    for _ in range(3):
        with pytest.raises(ApiError):
            await client.request("GET", "/api/v1/any")
    assert {request.authorization for request in api.seen} == {"Bearer token-1", "Bearer token-2"}


async def test_credentials_that_are_gone_are_an_api_server_out_of_reach(api: FakeApi) -> None:
    """Whoever holds a client has one failure less to think of."""

    async def log_in() -> Configuration:
        raise CredentialsMissing("CredentialsMissing", "the token file is gone")

    api.answers.append(refusal(401, "Unauthorized"))
    async with KubeClient(Configuration(host=api.url), log_in=log_in) as client:
        with pytest.raises(ApiUnreachable, match="the token file is gone"):
            await client.request("PUT", "/api/v1/any", body={})
