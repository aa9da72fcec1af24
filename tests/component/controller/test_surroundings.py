"""How long what is around a target is kept: lists of scalers are shared for a minute, and then let go."""

import gc
import weakref

import pytest

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.controller.pool.surroundings import SCALERS_KEPT_SECONDS, Surroundings, SurroundingsReader
from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.conflicts import NamespaceScalers
from poolkeeper.kube.objects.devices.claims import NO_CLAIMS, PodClaims
from poolkeeper.kube.objects.targets import Target, of_one_pod
from poolkeeper.kube.transport.errors import ApiUnreachable

pytestmark = pytest.mark.virtual_time

CPU = AcceleratorClassSpec(vendor="None", display_name="CPU", node_tail_seconds=0)


class Listed(NamespaceScalers):
    """One whose end can be seen."""

    __slots__ = ("__weakref__",)


class Lists:
    """Lists scalers and remembers those in use; the next ones fail while `is_silent`."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.asked: list[str] = []
        self.is_silent = False
        self._made: list[weakref.ref[Listed]] = []
        self.reader = SurroundingsReader(self._read_target, self._list, self._read_claims, lambda: self.now)

    @property
    def held(self) -> int:
        gc.collect()
        return sum(each() is not None for each in self._made)

    async def read(self, namespace: str) -> Surroundings:
        target = TargetKey(namespace, "apps/v1", "Deployment", "worker")
        return await self.reader.read(target, "cpu", CPU, Surroundings())

    async def _list(self, namespace: str) -> NamespaceScalers:
        self.asked.append(namespace)
        if self.is_silent:
            raise ApiUnreachable("ApiTimeout", "no answer")
        made = Listed()
        self._made.append(weakref.ref(made))
        return made

    async def _read_claims(self, *_: object) -> PodClaims:
        return NO_CLAIMS

    async def _read_target(self, target: TargetKey) -> Target:
        return Target("uid", 1, of_one_pod({"spec": {"containers": []}}))


@pytest.fixture
def lists() -> Lists:
    return Lists()


async def test_pools_of_a_namespace_share_a_list_for_a_minute(lists: Lists) -> None:
    for _ in range(3):
        await lists.read("a")
        lists.now += SCALERS_KEPT_SECONDS / 2
    await lists.read("b")
    await lists.read("a")
    assert lists.asked == ["a", "b", "a"]


async def test_that_nothing_could_be_listed_is_shared_too(lists: Lists) -> None:
    lists.is_silent = True
    for _ in range(3):
        assert (await lists.read("a")).scalers_unknown == "no answer"
    assert lists.asked == ["a"]


async def test_lists_of_namespaces_that_nobody_asks_about_any_more_are_let_go(lists: Lists) -> None:
    for number in range(200):
        await lists.read(f"gone-{number}")
        lists.now += 1.0
    assert lists.held <= SCALERS_KEPT_SECONDS + 1
    lists.now += SCALERS_KEPT_SECONDS
    await lists.read("a")
    assert lists.held == 1
