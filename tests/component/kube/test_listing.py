"""Whole collections are read page by page, in the named namespaces or in all."""

import pytest

from poolkeeper.kube.transport.client import JsonObject, KubeClient
from poolkeeper.kube.transport.errors import ApiError
from poolkeeper.kube.transport.listing import list_in
from tests.component.kube.fake_api import FakeApi, pod, pod_list, refusal


async def names(client: KubeClient, *namespaces: str) -> list[str]:
    listed: list[JsonObject] = await list_in(
        client, namespaces, "v1", "pods", query=(("labelSelector", "a=b"),)
    )
    return [item["metadata"]["name"] for item in listed]


async def test_all_pages_of_the_whole_cluster(api: FakeApi, client: KubeClient) -> None:
    api.lists.extend([pod_list([pod("a", 1)], 9, token="next"), pod_list([pod("b", 2)], 9)])
    assert await names(client) == ["a", "b"]
    first, second = api.seen
    assert {first.path, second.path} == {"/api/v1/pods"}
    assert first.query == {"labelSelector": "a=b", "limit": "500"}
    assert second.query == {"labelSelector": "a=b", "limit": "500", "continue": "next"}


async def test_only_the_named_namespaces(api: FakeApi, client: KubeClient) -> None:
    api.lists.extend([pod_list([pod("a", 1)], 9), pod_list([pod("b", 2)], 9)])
    assert await names(client, "one", "two") == ["a", "b"]
    assert [seen.path for seen in api.seen] == ["/api/v1/namespaces/one/pods", "/api/v1/namespaces/two/pods"]


async def test_a_list_that_took_too_long_is_an_error_and_not_a_part(api: FakeApi, client: KubeClient) -> None:
    api.lists.extend([pod_list([pod("a", 1)], 9, token="next"), refusal(410, "Expired")])
    with pytest.raises(ApiError) as failure:
        await names(client)
    assert failure.value.status == 410
