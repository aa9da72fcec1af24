"""What is seen of a pod at each stage of its life."""

from typing import Any

import pytest

from poolkeeper.api.timestamps import format_micro_time, format_timestamp, parse_timestamp
from poolkeeper.kube.watch.containers import Container
from poolkeeper.kube.watch.pod import MESSAGE_LENGTH, Failing, NoNode, Pod, project_pod

AT = 1_767_225_600.0


def at(seconds: int) -> str:
    return format_timestamp(AT + seconds)


def condition(kind: str, seconds: int, status: str = "True") -> dict[str, str]:
    return {"type": kind, "status": status, "lastTransitionTime": at(seconds)}


def running(seconds: int) -> dict[str, Any]:
    return {"state": {"running": {"startedAt": at(seconds)}}}


def waiting(reason: str) -> dict[str, Any]:
    return {"restartCount": 0, "state": {"waiting": {"reason": reason}}}


def pod(status: dict[str, Any], spec: dict[str, Any] | None = None, **metadata: Any) -> Pod:
    named = {
        "uid": "u",
        "name": "n",
        "namespace": "s",
        "creationTimestamp": at(0),
        "resourceVersion": "1",
        **metadata,
    }
    return project_pod({"metadata": named, "spec": spec or {}, "status": status})


def stages(seen: Pod) -> tuple[float | None, ...]:
    instants = (seen.created_at, seen.scheduled_at, seen.started_at, seen.ready_at)
    return tuple(None if instant is None else instant - AT for instant in instants)


SCHEDULED = condition("PodScheduled", 3)
NOT_READY = condition("Ready", 3, "False")
READY = condition("Ready", 40)

STAGES: dict[str, tuple[dict[str, Any], tuple[float | None, ...]]] = {
    "just created": ({}, (0, None, None, None)),
    "no node for it": ({"conditions": [condition("PodScheduled", 1, "False")]}, (0, None, None, None)),
    "scheduled": ({"conditions": [SCHEDULED, NOT_READY]}, (0, 3, None, None)),
    "pulling": (
        {"conditions": [SCHEDULED, NOT_READY], "containerStatuses": [waiting("ContainerCreating")]},
        (0, 3, None, None),
    ),
    "one of two runs": (
        {"conditions": [SCHEDULED], "containerStatuses": [running(9), waiting("ContainerCreating")]},
        (0, 3, None, None),
    ),
    "both run": (
        {"conditions": [SCHEDULED], "containerStatuses": [running(9), running(12)]},
        (0, 3, 12, None),
    ),
    "ready": ({"conditions": [SCHEDULED, READY], "containerStatuses": [running(9)]}, (0, 3, 9, 40)),
    "no longer ready": (
        {"conditions": [SCHEDULED, condition("Ready", 90, "False")], "containerStatuses": [running(9)]},
        (0, 3, 9, None),
    ),
}


@pytest.mark.parametrize(("status", "expected"), STAGES.values(), ids=STAGES)
def test_stages(status: dict[str, Any], expected: tuple[float | None, ...]) -> None:
    seen = pod(status)
    assert stages(seen) == expected
    assert seen.is_ready == (expected[3] is not None)
    assert not seen.has_failed


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "crash loop": ({"containerStatuses": [waiting("CrashLoopBackOff")]}, "CrashLoopBackOff"),
    "no image": ({"containerStatuses": [running(9), waiting("ImagePullBackOff")]}, "ImagePullBackOff"),
    "first pull failed": ({"containerStatuses": [waiting("ErrImagePull")]}, "ErrImagePull"),
    "init container": ({"initContainerStatuses": [waiting("CrashLoopBackOff")]}, "CrashLoopBackOff"),
    "evicted": ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
    "failed": ({"phase": "Failed"}, "Failed"),
}


@pytest.mark.parametrize(("status", "reason"), FAILURES.values(), ids=FAILURES)
def test_failures(status: dict[str, Any], reason: str) -> None:
    seen = pod(status)
    assert (seen.failure, seen.has_failed) == (reason, True)


def test_each_failing_container_is_named() -> None:
    waits = [running(9) | {"name": "model"}, waiting("ErrImagePull") | {"name": "proxy"}]
    init = [waiting("CrashLoopBackOff") | {"name": "download"}]
    seen = pod({"containerStatuses": waits, "initContainerStatuses": init})
    assert seen.failing == (Failing("proxy", "ErrImagePull"), Failing("download", "CrashLoopBackOff"))


FAR: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[bool, bool, int]]] = {
    "gated": ({"conditions": [condition("PodScheduled", 1, "False")]}, {}, (False, False, 0)),
    "assigned": ({}, {"nodeName": "gpu-1"}, (True, False, 0)),
    "scheduled": ({"conditions": [SCHEDULED]}, {}, (True, False, 0)),
    "one of two runs": (
        {"conditions": [SCHEDULED], "containerStatuses": [running(9), waiting("ContainerCreating")]},
        {},
        (True, True, 0),
    ),
    "only a sidecar runs": (
        {"conditions": [SCHEDULED], "initContainerStatuses": [running(9)]},
        {},
        (True, False, 0),
    ),
    "restarts": (
        {"conditions": [SCHEDULED], "containerStatuses": [waiting("CrashLoopBackOff") | {"restartCount": 3}]},
        {},
        (True, False, 3),
    ),
}


@pytest.mark.parametrize(("status", "spec", "expected"), FAR.values(), ids=FAR)
def test_how_far_it_is(
    status: dict[str, Any], spec: dict[str, Any], expected: tuple[bool, bool, int]
) -> None:
    seen = pod(status, spec)
    assert (seen.has_node, seen.is_running, seen.restarts) == expected


def test_why_it_has_no_node() -> None:
    why = condition("PodScheduled", 1, "False") | {"reason": "SchedulingGated", "message": "x" * 9_000}
    seen = pod({"conditions": [why]}, {"schedulingGates": [{"name": "kueue.x-k8s.io/admission"}]})
    assert seen.gates == ("kueue.x-k8s.io/admission",)
    assert seen.no_node == NoNode("SchedulingGated", "x" * MESSAGE_LENGTH)
    assert pod({"conditions": [SCHEDULED]}).no_node is None


def test_what_its_containers_declare() -> None:
    model = {
        "name": "model",
        "ports": [{"name": "web", "containerPort": 8000}],
        "resources": {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": "1"}},
    }
    probed = {"name": "proxy", "startupProbe": {"tcpSocket": {"port": 1}}}
    seen, other = (pod({}, {"containers": [model, probed]}) for _ in range(2))
    assert seen.containers == (
        Container("model", is_probed=False, resources=("cpu", "nvidia.com/gpu"), ports=("web", "8000")),
        Container("proxy", is_probed=True, resources=(), ports=()),
    )
    assert seen.containers is other.containers


@pytest.mark.parametrize(
    ("phase", "is_finished"), [("Pending", False), ("Running", False), ("Succeeded", True), ("Failed", True)]
)
def test_finished(phase: str, is_finished: bool) -> None:
    assert pod({"phase": phase}).is_finished == is_finished


def test_terminating_while_still_ready() -> None:
    seen = pod({"conditions": [READY]}, deletionTimestamp=at(60))
    assert (seen.is_terminating, seen.is_ready) == (True, True)


def test_labels() -> None:
    assert pod({}, labels={"app": "worker"}).labels == {"app": "worker"}


@pytest.mark.parametrize("text", [None, "", "yesterday"])
def test_no_timestamp(text: str | None) -> None:
    assert parse_timestamp(text) is None


@pytest.mark.parametrize("seconds", [0.0, AT, AT + 0.25])
def test_timestamps_return_as_they_went(seconds: float) -> None:
    assert parse_timestamp(format_micro_time(seconds)) == seconds
    assert parse_timestamp(format_timestamp(seconds)) == int(seconds)


@pytest.mark.parametrize(
    ("ready", "container", "has_fallen"),
    [
        (READY, running(9), False),
        # Before a container runs, and while it loads, the condition is as the kubelet set it at first.
        (NOT_READY, waiting("ContainerCreating"), False),
        (NOT_READY, running(9), False),
        (condition("Ready", 60, "False"), running(9), True),
        # The container has crashed, or was started again since.
        (condition("Ready", 60, "False"), waiting("CrashLoopBackOff"), False),
        (condition("Ready", 60, "False"), running(70), False),
        # The node is silent, so nothing is known of what runs on it.
        (condition("Ready", 60, "Unknown"), running(9), False),
    ],
)
def test_whether_it_was_ready_and_may_still_work(
    ready: dict[str, str], container: dict[str, Any], has_fallen: bool
) -> None:
    status = {"phase": "Running", "conditions": [SCHEDULED, ready], "containerStatuses": [container]}
    assert pod(status).has_fallen is has_fallen
    assert not pod(status, deletionTimestamp=at(90)).has_fallen


GPU_LIMIT = {"limits": {"nvidia.com/gpu": "1"}}
SIDECAR = {"name": "server", "restartPolicy": "Always", "ports": [{"containerPort": 8000}]}
SIDECAR_ON_GPU = {**SIDECAR, "resources": GPU_LIMIT, "readinessProbe": {"tcpSocket": {"port": 8000}}}


def test_a_native_sidecar_is_a_container_like_others_and_an_init_container_is_none() -> None:
    spec = {"containers": [{"name": "main"}], "initContainers": [SIDECAR_ON_GPU, {"name": "download"}]}
    main, sidecar = pod({}, spec).containers
    assert (main.name, sidecar.name) == ("main", "server")
    assert (sidecar.is_probed, sidecar.ports, sidecar.resources) == (True, ("8000",), ("nvidia.com/gpu",))


@pytest.mark.parametrize(
    ("sidecar", "runs", "restarts"),
    [
        (SIDECAR_ON_GPU, True, 2),
        ({**SIDECAR, "resources": {"claims": [{"name": "gpu"}]}}, True, 2),
        (SIDECAR, False, 0),
        ({**SIDECAR_ON_GPU, "restartPolicy": None}, False, 0),
    ],
    ids=["with an accelerator", "with a claim", "that ships logs", "an init container"],
)
def test_a_sidecar_with_an_accelerator_may_work_before_other_containers_run(
    sidecar: dict[str, Any], runs: bool, restarts: int
) -> None:
    spec = {"containers": [{"name": "main"}], "initContainers": [sidecar]}
    status = {
        "phase": "Pending",
        "initContainerStatuses": [{"name": "server", "restartCount": 2, **running(9)}],
        "containerStatuses": [{"name": "main", **waiting("PodInitializing")}],
    }
    seen = pod(status, spec)
    assert (seen.is_running, seen.restarts, seen.started_at) == (runs, restarts, None)


def test_a_sidecar_that_crashes_is_named_once() -> None:
    spec = {"containers": [{"name": "main"}], "initContainers": [SIDECAR_ON_GPU]}
    status = {
        "initContainerStatuses": [{"name": "server", **waiting("CrashLoopBackOff")}],
        "containerStatuses": [{"name": "main", **waiting("PodInitializing")}],
    }
    assert pod(status, spec).failing == (Failing("server", "CrashLoopBackOff"),)


@pytest.mark.parametrize(("size", "seen"), [("4", 4), ("", 0), ("four", 0), ("-1", 0), ("9" * 40, 0)])
def test_the_size_of_a_group_is_an_annotation(size: str, seen: int) -> None:
    found = pod({}, annotations={"leaderworkerset.sigs.k8s.io/size": size})
    assert found.group_size == seen
