"""Of which pods one replica of a target consists."""

from typing import Any

import pytest

from poolkeeper.kube.objects.targets import LEADER, WORKER, PodsOfReplica, project_target

Json = dict[str, Any]

LEADING: Json = {"spec": {"containers": [{"name": "leader"}]}}
WORKING: Json = {"spec": {"containers": [{"name": "worker"}]}}


def replica(spec: Json) -> tuple[PodsOfReplica, ...]:
    return project_target({"metadata": {"uid": "uid"}, "spec": spec}).replica


@pytest.mark.parametrize(
    ("group", "parts"),
    [
        (
            {"size": 4, "leaderTemplate": LEADING, "workerTemplate": WORKING},
            (PodsOfReplica(LEADING, 1, LEADER), PodsOfReplica(WORKING, 3, WORKER)),
        ),
        (
            {"size": 2, "workerTemplate": WORKING},
            (PodsOfReplica(WORKING, 1, LEADER), PodsOfReplica(WORKING, 1, WORKER)),
        ),
        (
            {"size": 1, "leaderTemplate": LEADING, "workerTemplate": WORKING},
            (PodsOfReplica(LEADING, 1, LEADER),),
        ),
        ({"workerTemplate": WORKING}, (PodsOfReplica(WORKING, 1, LEADER),)),
        ({"size": 2, "leaderTemplate": LEADING}, ()),
        ({"size": 2, "leaderTemplate": "broken", "workerTemplate": WORKING}, ()),
        ({"size": 0, "workerTemplate": WORKING}, ()),
        ({"size": True, "workerTemplate": WORKING}, ()),
        ({"size": "4", "workerTemplate": WORKING}, ()),
        ({"size": None, "workerTemplate": WORKING}, ()),
    ],
)
def test_a_group_has_one_leader_and_its_workers(group: Json, parts: tuple[PodsOfReplica, ...]) -> None:
    assert replica({"leaderWorkerTemplate": group}) == parts


def test_the_pods_that_serve_come_first() -> None:
    group = {"size": 2, "leaderTemplate": LEADING, "workerTemplate": WORKING}
    target = project_target({"metadata": {"uid": "uid"}, "spec": {"leaderWorkerTemplate": group}})
    assert target.pod_template == LEADING


def test_a_replica_of_another_kind_is_one_pod() -> None:
    assert replica({"template": LEADING}) == (PodsOfReplica(LEADING, 1, ""),)


def test_a_kind_that_keeps_its_template_elsewhere_shows_none() -> None:
    assert replica({"podTemplateRef": {"name": "elsewhere"}}) == ()
