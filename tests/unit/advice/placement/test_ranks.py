"""Whether a replica holds all ranks of its server, and what its pods share with their host."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.advice.placement.check import placement_remarks, placement_verdict
from poolkeeper.advice.placement.ranks import rank_remarks
from poolkeeper.core.values.replica_size import ReplicaSize
from poolkeeper.kube.objects.targets import PodsOfReplica, of_one_pod
from tests.unit.advice.placement.templates import Json, container, group, placement, template


def started_with(*args: str, **more: Any) -> Json:
    return template(containers=[container(args=list(args), **more)])


RANKS = {
    "two words": (started_with("--nnodes", "2"), 2),
    "one word": (started_with("--nnodes=3", "--node-rank=0"), 3),
    "a line for a shell": (
        template(containers=[container(command=["sh", "-c", "run --nnodes 2 --port 1"])]),
        2,
    ),
    "one node": (started_with("--nnodes", "1"), 1),
    "elastic": (started_with("--nnodes", "1:4"), 1),
    "from the environment": (started_with("--nnodes", "$(LWS_GROUP_SIZE)"), 1),
    "another word": (started_with("--nnodes-of-others", "2"), 1),
    "no words": (template(), 1),
}


@pytest.mark.parametrize(("pods", "ranks"), RANKS.values(), ids=RANKS)
def test_the_ranks_of_a_server_are_one_replica(pods: Json, ranks: int) -> None:
    found = list(rank_remarks(placement("nvidia-l4", *of_one_pod(pods), target_kind="StatefulSet")))
    assert [remark.reason for remark in found] == (["RanksApart"] if ranks > 1 else [])
    assert not found or f"replicas: {{step: {ranks}}}" in found[0].message


def test_a_declared_step_holds_them_all() -> None:
    pods = PodsOfReplica(started_with("--nnodes", "2"), 2)
    assert not list(rank_remarks(placement("nvidia-l4", pods, target_kind="StatefulSet")))


@pytest.mark.parametrize(("size", "mended"), [(2, ""), (4, "leaderWorkerTemplate: {size: 2}")])
def test_a_group_has_the_size_that_its_pods_are_started_with(size: int, mended: str) -> None:
    pods = group(started_with("--nnodes", "2"), size)
    found = list(rank_remarks(placement("nvidia-l4", *pods, target_kind="LeaderWorkerSet")))
    assert [mended in remark.message for remark in found] == ([True] if mended else [])


def test_pods_without_ranks_of_their_own_need_another_kind() -> None:
    (found,) = rank_remarks(placement("nvidia-l4", *of_one_pod(started_with("--nnodes", "2"))))
    assert "use a LeaderWorkerSet of size 2" in found.message


def test_pods_on_the_network_of_their_node_fit_and_are_mentioned() -> None:
    pods = placement("nvidia-l4", *of_one_pod(template(hostNetwork=True)))
    found = placement_verdict(pods, ReplicaSize(1, 1))
    assert found.holds
    assert "two pods that listen on the same port can't share a node" in found.message


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each)))
def test_any_command_line_is_read(words: object) -> None:
    pods = template(containers=[container(args=words, command=words)], hostNetwork=words)
    placement_remarks(placement("nvidia-l4", *of_one_pod(pods), target_kind="StatefulSet"))
