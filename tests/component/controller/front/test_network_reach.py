"""What is asked about policies, how often, and what becomes of answers that do not come."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from poolkeeper.controller.front.network_reach import KEPT_SECONDS, REFUSED_SECONDS, NetworkReach
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable, KubeFailure
from tests.component.controller.front.http_scene import QUICK, HttpScene

pytestmark = pytest.mark.virtual_time

DENY = {"metadata": {"namespace": "serving", "name": "deny"}, "spec": {"podSelector": {}}}
BY_LABEL = {
    "metadata": {"namespace": "serving", "name": "by-label"},
    "spec": {
        "podSelector": {},
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"tier": "other"}}}]}],
    },
}
TEMPLATE: Mapping[str, Any] = {
    "metadata": {"labels": {"app": "chat"}},
    "spec": {"containers": [{"ports": [{"containerPort": 8000, "name": "web"}]}]},
}
ACTIVATORS = ("system", {"app.kubernetes.io/component": "activator"})
REFUSED = ApiError(403, "Forbidden", "may not")
DOWN = ApiUnreachable("ApiTimeout", "no answer")


async def activators() -> tuple[str, dict[str, str]]:
    """Where they are."""
    return ACTIVATORS


async def no_activators() -> None:
    """There are none."""


class Api:
    """Policies of the namespace `serving`, and labels of both."""

    def __init__(self, *policies: Mapping[str, Any]) -> None:
        self.policies = policies
        self.asked: Counter[str] = Counter()
        self.failures: dict[str, KubeFailure] = {}
        self.answers = asyncio.Event()
        self.answers.set()

    async def request(self, method: str, path: str) -> dict[str, Any]:
        """One request."""
        what = path.partition("/namespaces/")[2]
        self.asked[what] += 1
        await self.answers.wait()
        if what in self.failures:
            raise self.failures[what]
        if what.endswith("/networkpolicies"):
            return {"items": list(self.policies) if what.startswith("serving/") else []}
        return {"metadata": {"labels": {"kubernetes.io/metadata.name": what}}}


class ReachScene:
    """A reach with its clock."""

    def __init__(self, api: Api, *, patience_seconds: float = 1.0) -> None:
        self.now = 1_000_000.0
        self.reach = NetworkReach(
            cast(KubeClient, api), activators, lambda: self.now, patience_seconds=patience_seconds
        )

    async def reasons(self, namespace: str = "serving") -> list[str]:
        """What is said about the pods of a namespace."""
        return [each.reason for each in await self.reach.problems(namespace, TEMPLATE, 8000)]


async def test_one_reading_serves_all_pools_of_a_namespace_for_a_minute() -> None:
    api = Api(DENY)
    scene = ReachScene(api)
    assert await asyncio.gather(*(scene.reasons() for _ in range(5))) == [["IngressForbidden"]] * 5
    scene.now += KEPT_SECONDS - 1
    assert await scene.reasons() == ["IngressForbidden"]
    assert set(api.asked.values()) == {1}
    api.policies = ()
    scene.now += 1
    assert await scene.reasons() == []
    assert set(api.asked.values()) == {2}


async def test_what_may_not_be_listed_is_left_out_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    api = Api(DENY)
    api.failures["serving/networkpolicies"] = REFUSED
    scene = ReachScene(api)
    for _ in range(5):
        assert await scene.reasons() == []
        scene.now += REFUSED_SECONDS / 4
    assert api.asked["serving/networkpolicies"] == 2
    logged = [record for record in caplog.records if "NetworkPolicies of namespace serving" in record.message]
    assert [record.levelno for record in logged] == [logging.INFO]
    api.failures.clear()
    scene.now += REFUSED_SECONDS
    assert await scene.reasons() == ["IngressForbidden"], "the right was granted meanwhile"


async def test_a_right_that_was_taken_away_takes_the_advice_along() -> None:
    api = Api(DENY)
    scene = ReachScene(api)
    assert await scene.reasons() == ["IngressForbidden"]
    api.failures["serving/networkpolicies"] = REFUSED
    scene.now += KEPT_SECONDS
    assert await scene.reasons() == []


async def test_an_api_server_that_fails_changes_nothing_that_was_said() -> None:
    api = Api(DENY)
    scene = ReachScene(api)
    assert await scene.reasons() == ["IngressForbidden"]
    api.failures["serving/networkpolicies"] = DOWN
    for _ in range(3):
        scene.now += KEPT_SECONDS
        assert await scene.reasons() == ["IngressForbidden"]


async def test_a_slow_answer_is_not_waited_for_and_counts_later() -> None:
    api = Api(DENY)
    scene = ReachScene(api, patience_seconds=0.01)
    api.answers.clear()
    assert await scene.reasons() == []
    assert await scene.reasons() == []
    assert api.asked["serving/networkpolicies"] == 1, "one question is under way"
    api.answers.set()
    await asyncio.sleep(0.05)
    assert await scene.reasons() == ["IngressForbidden"]


async def test_without_labels_of_namespaces_only_what_is_certain_is_said() -> None:
    api = Api(BY_LABEL)
    assert await ReachScene(api).reasons() == ["IngressForbidden"]
    api.failures["system"] = REFUSED
    assert await ReachScene(api).reasons() == []


async def test_nothing_is_asked_where_there_is_no_activator_or_no_template() -> None:
    api = Api(DENY)
    scene = ReachScene(api)
    assert await scene.reach.problems("serving", None, 8000) == ()
    nobody = NetworkReach(cast(KubeClient, api), no_activators, lambda: 0.0)
    assert await nobody.problems("serving", TEMPLATE, 8000) == ()
    assert not api.asked


async def test_where_activators_are_is_waited_for_at_first_and_remembered() -> None:
    """Advice that comes and goes with them would be an event each time."""
    scene = HttpScene(timing=replace(QUICK, activators_awaited=1.0))
    scene.add_activator("10.9.0.1")
    scene.api.activators[0]["metadata"]["labels"] = {"component": "activator"}
    asking = asyncio.create_task(scene.activators.place())
    await asyncio.sleep(0.05)
    looking = asyncio.create_task(scene.activators.run(scene.http.heard))
    assert await asking == ("ns", {"component": "activator"})
    scene.api.activators.clear()
    await asyncio.sleep(0.05)
    assert scene.activators.all() == []
    assert await scene.activators.place() == ("ns", {"component": "activator"})
    looking.cancel()


async def test_activators_that_nobody_looks_for_are_not_waited_for_long() -> None:
    assert await HttpScene().activators.place() is None
