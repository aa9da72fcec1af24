"""What the condition ReadinessProbed says about a pool's pods, or about their template."""

from dataclasses import replace

import pytest

from poolkeeper.controller.pool.pool import Pool
from poolkeeper.controller.pool.replicas.serving import Serving, is_probed, serving_container
from poolkeeper.controller.reporting.readiness_probed import readiness_probed
from poolkeeper.kube.watch.containers import Container
from tests.unit.controller.pool.pods import ready

SERVER = Container("server", is_probed=True, resources=("cpu", "nvidia.com/gpu"), ports=("web", "8000"))
SIDECAR = Container("sidecar", is_probed=False, resources=("cpu",), ports=("9000",))

CHOICES: dict[str, tuple[tuple[Container, ...], Serving, Container | None]] = {
    "the first": ((SIDECAR, SERVER), Serving(), SIDECAR),
    "with the accelerator": ((SIDECAR, SERVER), Serving(("nvidia.com/gpu",), ("9000",)), SERVER),
    "with a part of one": ((SIDECAR, SERVER), Serving(("amd.com/gpu", "nvidia.com/*"), ()), SERVER),
    "with the port": ((SIDECAR, SERVER), Serving(("amd.com/gpu",), ("8000",)), SERVER),
    "unknown": ((), Serving(("nvidia.com/gpu",), ()), None),
}


@pytest.mark.parametrize(("containers", "serving", "chosen"), CHOICES.values(), ids=CHOICES)
def test_which_container_serves(
    containers: tuple[Container, ...], serving: Serving, chosen: Container | None
) -> None:
    assert serving_container(containers, serving) == chosen
    assert is_probed(containers, serving) == (chosen is None or chosen.is_probed)


@pytest.fixture
def pool() -> Pool:
    metadata = {"namespace": "ns", "name": "pool", "uid": "u"}
    return Pool.first_seen({"metadata": metadata, "spec": {}})


def test_nothing_is_known_of_the_containers(pool: Pool) -> None:
    assert readiness_probed(pool).holds is None


def test_at_zero_the_pod_template_is_looked_at(pool: Pool) -> None:
    pool.surroundings = replace(pool.surroundings, containers=(SIDECAR, SERVER))
    verdict = readiness_probed(pool)
    assert (verdict.holds, verdict.reason) == (False, "NoReadinessProbe")
    assert "add a readinessProbe to container sidecar that passes once the model is loaded" in verdict.message
    pool.surroundings = replace(pool.surroundings, containers=(SERVER,))
    assert readiness_probed(pool).holds is True


def test_the_newest_pod_says_more_than_the_template(pool: Pool) -> None:
    pool.surroundings = replace(pool.surroundings, containers=(SERVER,))
    pool.pods = (
        ready("a", 100.0, 110.0, containers=(SIDECAR,)),
        ready("b", 90.0, 110.0, containers=(SERVER,)),
    )
    assert readiness_probed(pool).reason == "NoReadinessProbe"


def test_a_replica_that_works_and_is_not_ready_is_said(pool: Pool) -> None:
    pool.surroundings = replace(pool.surroundings, containers=(SERVER,))
    pool.starts.works_unready = True
    verdict = readiness_probed(pool)
    assert (verdict.holds, verdict.reason) == (False, "WorksUnready")
    assert "the readiness probe of container server passes too late" in verdict.message
