"""A default install, without activators, with a pool at zero: it logs nothing that anybody should look at."""

import json
import time

from hack.demo.commands import KubectlCluster
from tests.e2e.conftest import SYSTEM_NAMESPACE
from tests.e2e.queue_namespace import QueueNamespace

QUIET_SECONDS = 60


def test_an_idle_default_install_warns_of_nothing(world: QueueNamespace) -> None:
    world.create_queue_and_worker(load_seconds=1, service_seconds=1)
    world.apply(world.quick_pool())
    world.wait_until("the pool is at zero", lambda: world.decision() == "AtZero", 30)
    time.sleep(QUIET_SECONDS)
    loud = [line for line in log_lines(world.cluster) if line["level"] not in ("debug", "info")]
    assert [line for line in loud if world.namespace in str(line) or "pool" not in line] == []


def log_lines(cluster: KubectlCluster) -> list[dict[str, str]]:
    """What all replicas of the operator have logged within the quiet time."""
    printed = cluster.kubectl(
        "logs", "--namespace", SYSTEM_NAMESPACE, "--selector", "app.kubernetes.io/name=poolkeeper",
        "--since", f"{QUIET_SECONDS}s", "--tail", "-1",
    )  # fmt: skip
    return [json.loads(line) for line in printed.splitlines()]
