"""Scenarios that run at the same time, each in a namespace of its own; a test waits for its own scenario."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from hack.demo.commands import KubectlCluster
from tests.e2e.queue_namespace import QueueNamespace

Scenario = Callable[[QueueNamespace], None]


def name_of(scenario: Scenario) -> str:
    """The namespace of a scenario, and its name in the list of tests."""
    return scenario.__name__.replace("_", "-")[:50].rstrip("-")


class SideBySide:
    """What has begun."""

    def __init__(self, running: dict[str, Future[None]]) -> None:
        self._running = running

    def finish(self, scenario: Scenario) -> None:
        """Wait for the end of a scenario. Raises what it raised."""
        self._running[name_of(scenario)].result()


@contextmanager
def side_by_side(
    cluster: KubectlCluster, scenarios: Sequence[Scenario], deleted: list[str]
) -> Iterator[SideBySide]:
    """All of them begun; their namespaces are deleted as they end, and added to `deleted`."""

    def play(scenario: Scenario) -> None:
        name = name_of(scenario)
        cluster.kubectl("create", "namespace", name)
        try:
            scenario(QueueNamespace(cluster, name))
        finally:
            cluster.kubectl("delete", "namespace", name, "--wait=false")
            deleted.append(name)

    with ThreadPoolExecutor(len(scenarios)) as threads:
        yield SideBySide({name_of(each): threads.submit(play, each) for each in scenarios})
