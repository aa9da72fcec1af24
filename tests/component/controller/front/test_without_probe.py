"""A pod without a readiness probe is Ready while its model loads: the activators stay until it listens."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from poolkeeper.kube.watch.containers import Container
from tests.component.controller.front.http_fakes import holding, ready_pod
from tests.component.controller.front.http_scene import CHAT, ONE, POD, HttpScene

pytestmark = pytest.mark.virtual_time

SECOND = "10.1.0.2"


def ready(scene: HttpScene, addresses: Iterable[str], *, is_probed: bool = False) -> None:
    """These pods are Ready, and the pool is to have them."""
    pool = scene.store.get(CHAT)
    assert pool is not None
    server = Container(name="server", is_probed=is_probed, resources=(), ports=())
    pool.pods = tuple(replace(ready_pod(address), containers=(server,)) for address in addresses)
    scene.decides(pool, len(pool.pods))
    scene.http.pods_changed("ns")


def says(scene: HttpScene, *accepting: str) -> None:
    """The activator tells which of them accept a connection."""
    scene.links[ONE].says(pool=holding().model_copy(update={"accepting": accepting}))


@pytest.fixture
async def at_zero(scene: HttpScene) -> HttpScene:
    """The pool `chat` without replicas, behind one activator that tries pods."""
    await scene.guarded()
    says(scene)
    ready(scene, ())
    await scene.settle()
    assert scene.slice() is not None
    return scene


async def test_the_activators_stay_until_every_pod_accepts(at_zero: HttpScene) -> None:
    ready(at_zero, [POD, SECOND])
    await at_zero.pass_by(3)
    route = at_zero.links[ONE].route()
    assert route is not None
    assert (route.unprobed, route.redirects_to_pods) == ((POD, SECOND), False)
    pool = at_zero.store.get(CHAT)
    assert pool is not None
    assert pool.pods_port == 80, "by it the container that serves is known"
    assert at_zero.slice() is not None
    says(at_zero, POD)
    await at_zero.pass_by(3)
    assert at_zero.slice() is not None, "half of the callers would go to the pod that loads"
    says(at_zero, POD, SECOND)
    await at_zero.pass_by(2)
    assert at_zero.slice() is None


async def test_the_first_accepted_connection_is_the_end_of_a_start(at_zero: HttpScene) -> None:
    pool = at_zero.store.get(CHAT)
    assert pool is not None
    pool.starts.scaled(0, 1, at_zero.now)
    ready(at_zero, [POD])
    pool.pods = tuple(replace(pod, created_at=at_zero.now, ready_at=at_zero.now) for pod in pool.pods)
    pool.starts.follow(pool.pods, at_zero.now)
    await at_zero.pass_by(30)
    assert pool.starts.replicas(1, pool.pods, at_zero.now).ready == 0
    began, looks = at_zero.now, pool.news
    says(at_zero, POD)
    await at_zero.pass_by(5)
    assert pool.starts.replicas(1, pool.pods, at_zero.now).ready == 1
    assert pool.news > looks, "it is decided on"
    (sample,) = pool.starts.samples(pool.pods, at_zero.now)
    assert sample.ready_at == pytest.approx(began, abs=1.0)


async def test_a_pod_with_a_probe_needs_no_proof(at_zero: HttpScene) -> None:
    ready(at_zero, [POD], is_probed=True)
    await at_zero.pass_by(2)
    assert at_zero.slice() is None


async def test_an_activator_of_an_earlier_release_is_not_waited_for(at_zero: HttpScene) -> None:
    at_zero.links[ONE].says(pool=holding())
    ready(at_zero, [POD])
    await at_zero.pass_by(2)
    assert at_zero.slice() is None


async def test_a_pod_that_starts_beside_one_that_answers_calls_no_activator_back(at_zero: HttpScene) -> None:
    """Kubernetes sends callers to it at once, and activators beside it would not change that."""
    ready(at_zero, [POD])
    says(at_zero, POD)
    await at_zero.pass_by(2)
    ready(at_zero, [POD, SECOND])
    await at_zero.pass_by(3)
    assert at_zero.slice() is None


async def test_a_new_leader_waits_too(at_zero: HttpScene) -> None:
    ready(at_zero, [POD])
    await at_zero.settle()
    other = at_zero.succeed()
    other.declare()
    ready(other, [POD])
    other.start()
    await other.pass_by(3)
    assert other.slice() is not None
    says(other, POD)
    await other.pass_by(2)
    assert other.slice() is None
