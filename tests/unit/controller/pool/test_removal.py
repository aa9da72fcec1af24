"""Which replicas Kubernetes removes first, so which can be taken back without those that work."""

import pytest

from poolkeeper.controller.pool.replicas.removal import Member, furthest_removed
from poolkeeper.core.values.observation import Stage
from poolkeeper.kube.watch.pod import Pod
from tests.unit.controller.pool.pods import pod

NONE, NODE, RUNS = Stage.UNADMITTED, Stage.NO_CONTAINER, Stage.RUNNING


def waits(name: str, owner: tuple[str, str]) -> Member:
    return Member(_pod(name, owner), NONE)


def pulls(name: str, owner: tuple[str, str]) -> Member:
    return Member(_pod(name, owner, has_node=True, is_pending=True), NODE)


def crashed(name: str, owner: tuple[str, str]) -> Member:
    return Member(_pod(name, owner, has_node=True), NODE)


def works(name: str, owner: tuple[str, str]) -> Member:
    return Member(_pod(name, owner, has_node=True, is_running=True), RUNS)


def serves(name: str, owner: tuple[str, str]) -> Member:
    return Member(_pod(name, owner, has_node=True, is_running=True, is_ready=True), RUNS)


def _pod(name: str, owner: tuple[str, str], **changes: bool) -> Pod:
    return pod(name, 0.0, controller=owner, **changes)


REFUSED = Member(None, NONE)
SET, OLD, ORDERED, OTHER = (
    ("ReplicaSet", "chat-1"),
    ("ReplicaSet", "chat-0"),
    ("StatefulSet", "chat"),
    ("RayCluster", "chat"),
)

ORDERS: dict[str, tuple[list[Member], list[Stage]]] = {
    "a ReplicaSet removes the least far first": (
        [serves("a", SET), works("b", SET), pulls("c", SET), waits("d", SET), REFUSED],
        [RUNS, RUNS, NODE, NONE, NONE],
    ),
    "one that crashed is as likely to go as one that works unready": (
        [works("a", SET), crashed("b", SET)],
        [RUNS, RUNS],
    ),
    "one that crashed goes before those that are Ready": (
        [serves("a", SET), crashed("b", SET)],
        [RUNS, NODE],
    ),
    "in a rollout any may go": ([serves("a", OLD), waits("b", SET)], [RUNS, RUNS]),
    "in a rollout in which none has a node none is lost": ([waits("a", OLD), waits("b", SET)], [NONE, NONE]),
    "a StatefulSet removes the highest number first": (
        [serves("chat-0", ORDERED), pulls("chat-2", ORDERED), waits("chat-10", ORDERED)],
        [RUNS, NODE, NONE],
    ),
    "whatever it does": ([waits("chat-0", ORDERED), serves("chat-1", ORDERED)], [RUNS, RUNS]),
    "a number that a pod is stuck on goes after the higher ones": (
        [serves("chat-1", ORDERED), pulls("chat-2", ORDERED), REFUSED],
        [RUNS, NODE, RUNS],
    ),
    "the numbers that follow go first": ([serves("chat-0", ORDERED), REFUSED, REFUSED], [RUNS, NONE, NONE]),
    "numbers that begin elsewhere are unknown": ([serves("chat-5", ORDERED), REFUSED], [RUNS, RUNS]),
    "of another kind any may go": ([serves("a", OTHER), waits("b", OTHER)], [RUNS, RUNS]),
    "nothing is there": ([REFUSED, REFUSED], [NONE, NONE]),
}


@pytest.mark.parametrize(("members", "furthest"), ORDERS.values(), ids=ORDERS)
def test_how_far_those_are_that_go_first(members: list[Member], furthest: list[Stage]) -> None:
    assert furthest_removed(members) == furthest
