"""Several pods that are one replica: when they serve, how far they are, and whose failure is said."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.controller.pool.replicas.groups import (
    GROUP_INDEX,
    WORKER_INDEX,
    PodGroup,
    Shape,
    ordinal_of,
    replicas_of,
)
from poolkeeper.controller.pool.starts import Starts
from poolkeeper.core.values.observation import POD_MISSING, Replicas, Stage
from poolkeeper.kube.watch.containers import Container
from poolkeeper.kube.watch.pod import Failing, NoNode, Pod
from tests.unit.controller.pool.pods import pod

GROUP = Shape(is_group=True, size=3)
RANKS = Shape(step=2, by_ordinal=True)
COUNTED = Shape(step=2)
PROBED, UNPROBED = (Container("server", is_probed, (), ()) for is_probed in (True, False))

ABSENT: dict[str, Any] = {}
WAITS = {"no_node": NoNode("Unschedulable", "0/3 nodes are available")}
GATED = {"gates": ("kueue.x-k8s.io/admission",)}
PULLS = {"has_node": True, "scheduled_at": 2.0, "is_pending": True}
FAILS = {**PULLS, "failure": "ErrImagePull", "failing": (Failing("server", "ErrImagePull"),)}
RUNS = {"has_node": True, "scheduled_at": 2.0, "started_at": 3.0, "is_running": True}
READY = {**RUNS, "ready_at": 9.0, "is_ready": True}
ENDS = {**READY, "is_terminating": True}


def host(name: str, state: dict[str, Any], **changes: Any) -> Pod:
    _, group, rank = f"{name}-0".split("-")[:3]
    labels = {GROUP_INDEX: group, WORKER_INDEX: rank}
    return pod(name, 1.0, labels=labels, containers=(UNPROBED,), **{**state, **changes})


def group(leader: dict[str, Any], *workers: dict[str, Any], shape: Shape = GROUP, size: int = 0) -> PodGroup:
    """Group 0; a worker whose state is ABSENT does not exist."""
    present = [host(f"lws-0-{rank}", state) for rank, state in enumerate(workers, 1) if state]
    (found,) = replicas_of((host("lws-0", leader, group_size=size),), present, shape)
    assert isinstance(found, PodGroup)
    return found


@pytest.mark.parametrize(
    ("leader", "workers", "serves", "stage", "named"),
    [
        (READY, (RUNS, RUNS), True, Stage.RUNNING, "lws-0-1"),
        (READY, (READY, READY), True, Stage.RUNNING, "lws-0"),
        (READY, (RUNS, ABSENT), False, Stage.UNADMITTED, "lws-0-2"),
        (READY, (RUNS, ENDS), False, Stage.RUNNING, "lws-0-2"),
        (READY, (RUNS, PULLS), False, Stage.NO_CONTAINER, "lws-0-2"),
        (RUNS, (RUNS, RUNS), False, Stage.RUNNING, "lws-0"),
        (RUNS, (RUNS, WAITS), False, Stage.UNADMITTED, "lws-0-2"),
        (RUNS, (GATED, RUNS), False, Stage.UNADMITTED, "lws-0-1"),
        (RUNS, (FAILS, PULLS), False, Stage.NO_CONTAINER, "lws-0-1"),
        (FAILS, (RUNS, WAITS), False, Stage.UNADMITTED, "lws-0-2"),
        (WAITS, (ABSENT, ABSENT), False, Stage.UNADMITTED, "lws-0"),
        (ENDS, (RUNS, RUNS), False, Stage.RUNNING, "lws-0"),
    ],
)
def test_a_group_serves_when_its_leader_does_and_all_others_run(
    leader: dict[str, Any], workers: tuple[dict[str, Any], ...], serves: bool, stage: Stage, named: str
) -> None:
    found = group(leader, *workers)
    assert (found.is_ready, found.stage) == (serves, stage)
    if not serves:
        assert found.name == named


def test_the_failure_of_a_group_is_that_of_the_pod_that_it_waits_for() -> None:
    assert group(RUNS, RUNS, FAILS).failure == "ErrImagePull"
    assert group(FAILS, RUNS, WAITS).failure == "", "the leader may only fail because a host is missing"
    assert group(RUNS, RUNS, WAITS).no_node == WAITS["no_node"]
    assert group(READY, RUNS, ABSENT).lacks_pod


def test_a_group_that_served_and_lost_a_host_may_still_work_on_requests() -> None:
    found = group(READY, RUNS, ABSENT)
    assert found.has_fallen
    assert found.furthest is Stage.RUNNING, "so it is not taken back like one that never ran"
    assert not group(READY, RUNS, RUNS).has_fallen


def test_the_pods_say_how_many_there_are() -> None:
    assert group(READY, RUNS, size=2).is_ready
    assert not group(READY, RUNS, RUNS, size=4).is_ready


def test_workers_that_are_made_once_the_leader_is_ready_are_not_missed_before() -> None:
    late = GROUP._replace(has_late_workers=True)
    loading = group(RUNS, ABSENT, ABSENT, shape=late)
    assert (loading.stage, loading.lacks_pod, loading.has_node) == (Stage.RUNNING, False, True)
    led = group(READY, ABSENT, ABSENT, shape=late)
    assert (led.is_ready, led.lacks_pod, led.name) == (False, True, "lws-0-1")


def test_pods_of_other_groups_and_of_no_group_do_not_help() -> None:
    strangers = [host("lws-1-1", RUNS), host("lws-0-1", RUNS), host("lws-0-7", RUNS)]
    (found,) = replicas_of((host("lws-0", READY),), strangers, GROUP)
    assert not found.is_ready
    assert found.name == "lws-0-2"


def rank(ordinal: int, state: dict[str, Any], container: Container = UNPROBED) -> Pod:
    return pod(f"set-{ordinal}", 1.0, containers=(container,), **state)


@pytest.mark.parametrize(
    ("first", "second", "container", "serves"),
    [
        (READY, READY, UNPROBED, True),
        (READY, RUNS, UNPROBED, True),
        (READY, RUNS, PROBED, False),
        (READY, READY, PROBED, True),
        (RUNS, READY, PROBED, False),
        (READY, PULLS, UNPROBED, False),
        (READY, ENDS, UNPROBED, False),
    ],
)
def test_ranks_with_a_probe_must_pass_it_and_others_must_run(
    first: dict[str, Any], second: dict[str, Any], container: Container, serves: bool
) -> None:
    (found,) = replicas_of((rank(0, first, container), rank(1, second, container)), (), RANKS)
    assert found.is_ready is serves


def test_ordinals_make_servers() -> None:
    pods = tuple(rank(each, READY) for each in (5, 4, 1, 2, 0))
    found = replicas_of(pods, (), RANKS)
    assert [(ordinal_of(each), each.is_ready) for each in found] == [(0, True), (1, False), (2, True)]
    assert [each.name for each in found if not each.is_ready] == ["set-3"]


def test_a_server_without_its_first_rank_is_none_until_that_one_is_made_again() -> None:
    assert replicas_of((rank(1, READY),), (), RANKS) == ()
    (leaving,) = replicas_of((rank(1, ENDS),), (), RANKS)
    assert leaving.is_terminating, "what still runs is still paid for"


def test_pods_without_numbers_are_counted() -> None:
    pods = tuple(pod(name, 1.0, **state) for name, state in {"a": READY, "b": RUNS, "c": READY}.items())
    found = replicas_of(pods, (), COUNTED)
    assert [each.is_ready for each in found] == [True, False]


def test_a_replica_of_one_pod_is_that_pod() -> None:
    pods = (rank(0, READY), rank(1, WAITS))
    assert replicas_of(pods, (), Shape()) is pods


STATES = st.sampled_from([WAITS, GATED, PULLS, FAILS, RUNS, READY, ENDS])


@given(st.dictionaries(st.integers(0, 11), STATES), st.integers(2, 4), st.booleans())
def test_there_are_never_more_servers_than_pods_suffice_for(
    states: dict[int, dict[str, Any]], step: int, by_ordinal: bool
) -> None:
    pods = tuple(rank(ordinal, state) for ordinal, state in states.items())
    found = replicas_of(pods, (), Shape(step=step, by_ordinal=by_ordinal))
    serving = sum(each.is_ready for each in found)
    up = sum(each.is_running and not each.is_terminating for each in pods)
    assert serving * step <= up
    members = [member.uid for each in found if isinstance(each, PodGroup) for member in each.members]
    assert len(members) == len(set(members)), "no pod counts twice"


@given(st.lists(STATES, max_size=5), st.text(max_size=4), st.text(max_size=4))
def test_labels_that_somebody_else_wrote_do_no_harm(
    states: list[dict[str, Any]], group_index: str, worker_index: str
) -> None:
    labels = {GROUP_INDEX: group_index, WORKER_INDEX: worker_index}
    pods = [pod(f"p{number}", 1.0, labels=labels, **state) for number, state in enumerate(states)]
    assert len(replicas_of(tuple(pods), pods, GROUP)) == len(pods)


def starts_of(*groups: Pod, desired: int) -> Replicas:
    starts = Starts()
    starts.follow(groups, 100.0)
    return starts.replicas(desired, groups, 100.0)


def test_a_group_that_waits_for_a_host_is_not_taken_back_while_another_host_may_work() -> None:
    (starting,) = starts_of(group(RUNS, RUNS, WAITS), desired=1).starting
    assert (starting.stage, starting.reached) == (Stage.UNADMITTED, Stage.RUNNING)
    assert starting.pod == "lws-0-2"
    (gated,) = starts_of(group(GATED, GATED, GATED), desired=1).starting
    assert (gated.stage, gated.reached) == (Stage.UNADMITTED, Stage.UNADMITTED)


def test_a_host_that_does_not_exist_is_said_with_its_name() -> None:
    replicas = starts_of(group(READY, RUNS, ABSENT), desired=1)
    assert replicas.ready == 0
    (starting,) = replicas.starting
    assert (starting.failure, starting.pod) == (POD_MISSING, "lws-0-2")


def test_the_group_of_the_highest_number_is_removed_first() -> None:
    owner = ("StatefulSet", "lws")
    named = (host("lws-0", WAITS, controller=owner), host("lws-1", READY, controller=owner))
    leaders = tuple(replace(each, containers=(PROBED,)) for each in named)
    workers = [host(f"lws-{index}-{rank}", RUNS) for index in (0, 1) for rank in (1, 2)]
    replicas = starts_of(*replicas_of(leaders, workers, GROUP), desired=2)
    (starting,) = replicas.starting
    assert starting.pod == "lws-0"
    assert starting.reached is Stage.RUNNING, "group 1, which serves, would go before it"
