"""Objects that others write, with anything in place of any field: understood as a whole, or left out."""

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, TypeAdapter

from poolkeeper.core.front.slices import ActivatorSlice
from poolkeeper.kube.objects.conflicts import SCALER_KINDS, Scaler, project_scaler
from poolkeeper.kube.objects.endpoint_slices import project_ready_uids, project_slice
from poolkeeper.kube.objects.leases import StoredLease, project_lease
from poolkeeper.kube.objects.network_policies import NetworkPolicy, project_policy
from poolkeeper.kube.objects.refused_pods import Refusal, project_event, refusal_in_status
from poolkeeper.kube.objects.scale import Scale, project_scale
from poolkeeper.kube.objects.services import Service, ServiceUnsuitable, project_service
from poolkeeper.kube.objects.targets import Target, project_target
from poolkeeper.kube.transport.fields import Unreadable, readable
from poolkeeper.kube.watch.pod import Pod, project_pod

Path = tuple[str | int, ...]
Json = dict[str, Any]

AT = "2026-01-01T00:00:00Z"
METADATA: Json = {
    "name": "chat",
    "namespace": "serving",
    "uid": "u",
    "resourceVersion": "7",
    "generation": 3,
    "creationTimestamp": AT,
    "deletionTimestamp": AT,
    "labels": {"app": "chat", "kubernetes.io/service-name": "chat"},
    "ownerReferences": [{"apiVersion": "x/v1", "kind": "AcceleratorPool", "name": "p", "uid": "u"}],
    "managedFields": [
        {"manager": "kubectl", "operation": "Update", "time": AT, "subresource": "scale"},
        {"manager": "argo", "operation": "Apply", "time": AT, "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ],
}
POD_CONTAINER: Json = {
    "name": "model",
    "ports": [{"name": "web", "containerPort": 80}],
    "readinessProbe": {"httpGet": {"port": "web"}},
    "startupProbe": {"httpGet": {"port": "web"}},
    "resources": {"requests": {"cpu": "1"}, "limits": {"nvidia.com/gpu": "1"}},
}
CONTAINER: Json = {
    "name": "model",
    "restartCount": 2,
    "state": {"running": {"startedAt": AT}, "waiting": {"reason": "ErrImagePull"}},
}
TEMPLATE: Json = {
    "metadata": {"labels": {"app": "chat"}},
    "spec": {"containers": [{"ports": [{"name": "web", "containerPort": 80}]}]},
}
SELECTOR: Json = {
    "matchLabels": {"a": "b"},
    "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}],
}
PEERS: list[Json] = [
    {"ipBlock": {"cidr": "10.0.0.0/8"}},
    {"podSelector": SELECTOR, "namespaceSelector": SELECTOR},
]

KINDS: dict[str, tuple[Callable[[Mapping[str, Any]], object], Any, Json]] = {
    "pod": (
        project_pod,
        Pod,
        {
            "spec": {
                "nodeName": "n",
                "schedulingGates": [{"name": "kueue.x-k8s.io/admission"}],
                "containers": [POD_CONTAINER],
            },
            "status": {
                "phase": "Failed",
                "reason": "Evicted",
                "podIPs": [{"ip": "10.0.0.1"}],
                "conditions": [
                    {"type": "Ready", "status": "True", "lastTransitionTime": AT},
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no"},
                ],
                "containerStatuses": [CONTAINER],
                "initContainerStatuses": [CONTAINER],
            },
        },
    ),
    "refusal of a Deployment": (
        refusal_in_status,
        Refusal | None,
        {
            "status": {
                "conditions": [
                    {"type": "ReplicaFailure", "status": "True", "message": "no", "lastTransitionTime": AT}
                ]
            }
        },
    ),
    "event of a refusal": (
        project_event,
        Refusal,
        {"message": "no", "lastTimestamp": None, "eventTime": AT, "series": {"lastObservedTime": AT}},
    ),
    "slice": (
        project_slice,
        ActivatorSlice | None,
        {
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"]}],
            "ports": [{"name": "web", "port": 80}],
        },
    ),
    "ready uids": (
        project_ready_uids,
        set[str],
        {"endpoints": [{"conditions": {"ready": True}, "targetRef": {"uid": "u"}}]},
    ),
    "service": (
        project_service,
        Service,
        {
            "spec": {
                "type": "ClusterIP",
                "clusterIP": "10.0.0.1",
                "selector": {"app": "chat"},
                "ipFamilies": ["IPv4"],
                "ports": [
                    {"name": "web", "port": 80, "targetPort": "web", "appProtocol": "h2", "protocol": "TCP"}
                ],
                "internalTrafficPolicy": "Cluster",
                "publishNotReadyAddresses": False,
            }
        },
    ),
    "lease": (
        project_lease,
        StoredLease,
        {"spec": {"holderIdentity": "a", "leaseDurationSeconds": 9, "leaseTransitions": 1, "renewTime": AT}},
    ),
    "scale": (
        project_scale,
        Scale,
        {"spec": {"replicas": 2}, "status": {"replicas": 1, "selector": "app=chat"}},
    ),
    "target": (project_target, Target, {"spec": {"template": TEMPLATE}}),
    "group": (
        project_target,
        Target,
        {
            "spec": {
                "leaderWorkerTemplate": {"size": 2, "leaderTemplate": TEMPLATE, "workerTemplate": TEMPLATE}
            }
        },
    ),
    "scaler": (
        partial(project_scaler, SCALER_KINDS[1]),
        Scaler,
        {"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"}}},
    ),
    "policy": (
        project_policy,
        NetworkPolicy,
        {
            "spec": {
                "podSelector": SELECTOR,
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": PEERS, "ports": [{"port": 80, "endPort": 90, "protocol": "TCP"}]}],
                "egress": [{"to": PEERS}],
            }
        },
    ),
}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def paths(value: object, here: Path = ()) -> Iterator[Path]:
    """Every place in a value."""
    yield here
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from paths(each, (*here, key))


def replaced(value: Any, path: Path, by: object) -> Any:
    """A copy with something else in one place."""
    if not path:
        return by
    found = copy.deepcopy(value)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = by
    return found


def whole(kind: str) -> Json:
    return {"metadata": METADATA, **KINDS[kind][2]}


def assert_is_of(expected: Any, found: object) -> None:
    """Fail where a projection holds something else than its annotations say."""
    adapter = TypeAdapter(tuple[expected], config=ConfigDict(revalidate_instances="always"))
    adapter.validate_python((found,), strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_object_is_understood(kind: str) -> None:
    project, expected, _ = KINDS[kind]
    (found,) = readable([whole(kind)], project)
    assert found
    assert_is_of(expected, found)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_anything_in_place_of_a_field_is_understood_or_left_out(kind: str, data: st.DataObject) -> None:
    project, expected, _ = KINDS[kind]
    raw = whole(kind)
    for _ in range(data.draw(st.integers(1, 2))):
        raw = replaced(raw, data.draw(st.sampled_from(list(paths(raw)))), data.draw(anything))
    try:
        found = readable([raw], project)
    except ServiceUnsuitable:
        return
    for each in found:
        assert_is_of(expected, each)


def test_what_can_not_be_read_is_logged_once_and_others_are_read(caplog: pytest.LogCaptureFixture) -> None:
    unreadable = {**whole("slice"), "ports": [{"name": "x"}]}
    unreadable["metadata"] = {**METADATA, "name": "evil\nline"}
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            (found,) = readable([unreadable, whole("slice")], project_slice)
    assert found == project_slice(whole("slice"))
    assert len(caplog.records) == 1
    assert "evil\\nline" in caplog.text


@pytest.mark.parametrize("items", ["x", {}, 5])
def test_a_list_that_is_none_is_a_failure_of_the_api_server(items: object) -> None:
    with pytest.raises(Unreadable):
        readable(items, dict)
