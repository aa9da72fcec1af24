"""Pools that the API server refuses, with which message, and the defaults of those that it accepts."""

import json
from typing import Any

import pytest

from tests.integration.api.conftest import Kubectl, Refused
from tests.integration.api.specs import (
    HTTP,
    LIST,
    POOL,
    REMOVED,
    STREAM,
    WINDOW,
    Spec,
    http_with,
    list_with,
    pool,
    waits_on,
)


def fallback(name: str, target: str) -> Spec:
    return {"name": name, "targetRef": {"name": target}, "accelerator": {"class": "nvidia-l4"}}


UNSEEN = list_with({"processingList": REMOVED})
NEEDS_SERVICE_TIME = "a pool that may go to zero must know when its workers are done: name the processingList"
ADDRESS_FORM = "must be HOST:PORT, for example redis.serving.svc:6379"
SERVICE_FORM = "must be the name of a Service in the pool's own namespace, not a host name"
OBJECTIVE = "must lie between 50 and 99.99"

REFUSED: dict[str, tuple[Spec, str]] = {
    "no target": (pool({"targetRef": REMOVED}), "spec.targetRef: Required value"),
    "target without a name": (pool({"targetRef": {}}), "spec.targetRef.name: Required value"),
    "path as a target's name": (pool({"targetRef.name": "../x"}), "must be the name of a Kubernetes object"),
    "unicode as a target's name": (
        pool({"targetRef.name": "größe"}),
        "must be the name of a Kubernetes object",
    ),
    "target's name too long": (pool({"targetRef.name": "a" * 254}), "Too long: may not be more than 253"),
    "group without version": (pool({"targetRef.apiVersion": "apps/"}), "must be VERSION or GROUP/VERSION"),
    "resource instead of kind": (pool({"targetRef.kind": "deployments/scale"}), "must be a kind"),
    "no class": (pool({"accelerator": {}}), "spec.accelerator.class: Required value"),
    "min above max": (pool({"replicas": {"min": 9, "max": 8}}), "min must not exceed max"),
    "max that is no multiple of the step": (
        pool({"replicas": {"max": 3, "step": 2}}),
        "min and max must be multiples of step",
    ),
    "min that is no multiple of the step": (
        pool({"replicas": {"min": 1, "max": 4, "step": 2}}),
        "min and max must be multiples of step",
    ),
    "window that is no multiple of the step": (
        pool({"replicas": {"max": 4, "step": 2}, "scaleToZero.windows": [WINDOW | {"replicas": 1}]}),
        "the replicas of a window of scaleToZero must be a multiple of replicas.step",
    ),
    "step of groups": (
        pool({"replicas": {"max": 4, "step": 2}, "targetRef.kind": "LeaderWorkerSet"}),
        "leave out replicas.step for a LeaderWorkerSet",
    ),
    "fallback on the pool's own target": (
        pool({"fallbacks": [fallback("a100", POOL["targetRef"]["name"])]}),
        "a fallback must have another target than the pool",
    ),
    "two fallbacks with one target": (
        pool({"fallbacks": [fallback("a100", "chat-a100"), fallback("spot", "chat-a100")]}),
        "two fallbacks must not have the same target",
    ),
    "fallback with the name of the pool's own target": (
        pool({"fallbacks": [fallback("preferred", "chat-a100")]}),
        "preferred is the name of the pool's own target",
    ),
    "fallbacks with a step": (
        pool({"fallbacks": [fallback("a100", "chat-a100")], "replicas": {"max": 4, "step": 2}}),
        "fallbacks can't be combined with replicas.step",
    ),
    "five fallbacks": (
        pool({"fallbacks": [fallback(f"f{number}", f"chat-{number}") for number in range(5)]}),
        "Too many: 5: must have at most 4 items",
    ),
    "partner of another namespace": (
        pool({"with": [{"name": "other/decode"}]}),
        "must be the name of a Kubernetes object",
    ),
    "partner named twice": (pool({"with": [{"name": "decode"}, {"name": "decode"}]}), "Duplicate value"),
    "max 0": (pool({"replicas.max": 0}), "should be greater than or equal to 1"),
    "negative min": (pool({"replicas.min": -1}), "should be greater than or equal to 0"),
    "absurdly many replicas": (pool({"replicas.max": 10**12}), "replicas.max"),
    "a fraction of a replica": (pool({"replicas.max": 1.5}), "must be of type integer"),
    "no concurrency": (pool({"concurrency": 0}), "should be greater than or equal to 1"),
    "service time 0": (pool({"expectedServiceSeconds": 0}), "should be greater than or equal to 1"),
    "service time beyond a week": (
        pool({"expectedServiceSeconds": 604_801}),
        "should be less than or equal to 604800",
    ),
    "service time with a unit": (pool({"expectedServiceSeconds": "2s"}), "must be of type integer"),
    "no promise": (pool({"coldStart": {}}), "spec.coldStart.budgetSeconds: Required value"),
    "budget 0": (pool({"coldStart.budgetSeconds": 0}), "should be greater than or equal to 1"),
    "budget with a unit": (
        pool({"coldStart.budgetSeconds": "60s"}),
        'spec.coldStart.budgetSeconds in body must be of type integer: "string"',
    ),
    "budget beyond a week": (
        pool({"coldStart.budgetSeconds": 604_801}),
        "should be less than or equal to 604800",
    ),
    "objective 100": (pool({"coldStart.objectivePercent": 100}), OBJECTIVE),
    "objective 49": (pool({"coldStart.objectivePercent": 49}), OBJECTIVE),
    "objective 49.99": (pool({"coldStart.objectivePercent": "49.99"}), OBJECTIVE),
    "objective 99.999": (pool({"coldStart.objectivePercent": "99.999"}), OBJECTIVE),
    "objective in words": (pool({"coldStart.objectivePercent": "all"}), OBJECTIVE),
    "objective with a sign": (pool({"coldStart.objectivePercent": "99%"}), OBJECTIVE),
    "objective as a float": (pool({"coldStart.objectivePercent": 99.5}), "must be of type integer,string"),
    "unknown start": (
        pool({"coldStart.start": "Soon"}),
        'supported values: "Auto", "AtDeadline", "Immediately"',
    ),
    "fixed without a time": (pool({"scaleToZero.mode": "Fixed"}), "idleSeconds is required with mode Fixed"),
    "window above the ceiling": (
        pool({"scaleToZero.windows": [{**WINDOW, "replicas": 9}]}),
        "a window of scaleToZero must not ask for more replicas than replicas.max",
    ),
    "window of six fields": (
        pool({"scaleToZero.windows": [{**WINDOW, "start": "0 0 8 * * MON-FRI"}]}),
        "must be a cron expression of five fields",
    ),
    "two windows of one name": (pool({"scaleToZero.windows": [WINDOW, WINDOW]}), "Duplicate value"),
    "no demand": (pool({"demand": REMOVED}), "spec.demand: Required value"),
    "empty demand": (pool({"demand": []}), "should have at least 1 items"),
    "two sources of one name": (pool({"demand": POOL["demand"] * 2}), "Duplicate value"),
    "source with a name for nobody": (
        pool({"demand": [{"name": "My Jobs", "redisStream": STREAM}]}),
        "must consist of lower-case letters, digits and '-'",
    ),
    "source without a queue": (
        waits_on({}),
        "exactly one kind of queue must be set: redisList, redisStream or http",
    ),
    "source with two queues": (
        waits_on({"redisList": LIST, "redisStream": STREAM}),
        "exactly one kind of queue",
    ),
    "two Services": (
        pool({"demand": [{"name": name, "http": {"service": name, "port": 80}} for name in ("a", "b")]}),
        "Give another Service a pool of its own",
    ),
    "two ports of one Service": (
        pool({"demand": [{"name": f"p{port}", "http": {**HTTP, "port": port}} for port in (80, 81)]}),
        "A second port of the same Service can't be held",
    ),
    "no Service": (http_with({"service": REMOVED}), "spec.demand[0].http.service: Required value"),
    "Service of another namespace": (http_with({"service": "other/chat"}), SERVICE_FORM),
    "Service as a host name": (http_with({"service": "chat.serving.svc"}), SERVICE_FORM),
    "Service's name too long": (http_with({"service": "a" * 64}), "Too long: may not be more than 63"),
    "no port of the Service": (http_with({"port": REMOVED}), "spec.demand[0].http.port: Required value"),
    "port of the Service by its name": (
        http_with({"port": "web"}),
        "http.port in body must be of type integer",
    ),
    "several ports of the Service": (
        http_with({"port": [80, 81]}),
        "http.port in body must be of type integer",
    ),
    "port 0 of the Service": (http_with({"port": 0}), "should be greater than or equal to 1"),
    "port 65536 of the Service": (http_with({"port": 65_536}), "should be less than or equal to 65535"),
    "Service beside a queue in one source": (
        waits_on({"http": HTTP, "redisList": LIST}),
        "exactly one kind of queue must be set",
    ),
    "clients told apart by no header": (
        http_with({"fairBy": "Header"}),
        "fairHeader is required with fairBy Header",
    ),
    "clients told apart by who knows": (
        http_with({"fairBy": "Tenant"}),
        'supported values: "ApiKey", "Header", "Address"',
    ),
    "series of one's own, but not what runs": (
        http_with({"metrics": {"waitingSeries": "jobs_waiting"}}),
        "runningSeries is required when waitingSeries or activitySeries is set",
    ),
    "series with labels": (
        http_with({"metrics": {"runningSeries": 'jobs{state="running"}'}}),
        "must be the name of a metric, without labels",
    ),
    "path of metrics without a slash": (http_with({"metrics": {"path": "metrics"}}), "must begin with /"),
    "heartbeat beyond five minutes": (
        http_with({"heartbeatSeconds": 301}),
        "should be less than or equal to 300",
    ),
    "no request held": (http_with({"heldRequests": 0}), "should be greater than or equal to 1"),
    "polled too often": (
        waits_on({"redisList": LIST, "pollMilliseconds": 10}),
        "greater than or equal to 100",
    ),
    "unseen work, may go to zero": (UNSEEN, NEEDS_SERVICE_TIME),
    "address without a port": (list_with({"address": "redis"}), ADDRESS_FORM),
    "address as a URL": (list_with({"address": "redis://redis:6379"}), ADDRESS_FORM),
    "address with credentials": (list_with({"address": "user:secret@redis:6379"}), ADDRESS_FORM),
    "IPv6 address without brackets": (list_with({"address": "fd00::1:6379"}), ADDRESS_FORM),
    "port 0": (list_with({"address": "redis:0"}), "the port must lie between 1 and 65535"),
    "port 65536": (list_with({"address": "redis:65536"}), "the port must lie between 1 and 65535"),
    "jobs taken into the list they wait in": (
        list_with({"processingList": "jobs"}),
        "processingList must differ from list, in which jobs wait",
    ),
    "two user names": (
        list_with({"auth": {"username": "a", "usernameSecret": {"name": "redis", "key": "user"}}}),
        "username and usernameSecret can't both be set",
    ),
    "secret of another namespace": (
        list_with({"auth": {"passwordSecret": {"name": "other/redis", "key": "password"}}}),
        "must be the name of a Kubernetes object",
    ),
    "path as a secret's key": (
        list_with({"auth": {"passwordSecret": {"name": "redis", "key": "../password"}}}),
        "must be a key of a Secret",
    ),
    "misspelt field": (pool({"coldStart.budgetSecond": 60}), 'unknown field "spec.coldStart.budgetSecond"'),
}

ACCEPTED: dict[str, Spec] = {
    "the smallest": POOL,
    "ranks of one server": pool({"replicas": {"min": 2, "max": 4, "step": 2}}),
    "partners": pool({"with": [{"name": "decode"}, {"name": "router"}]}),
    "a list with a processing list": list_with({}),
    "unseen work with a service time": waits_on(
        {"redisList": UNSEEN["demand"][0]["redisList"], "maxServiceSeconds": 9}
    ),
    "unseen work, always one up": {**UNSEEN, "replicas": {"min": 1, "max": 1}},
    "unseen work, never to zero": {**UNSEEN, "scaleToZero": {"mode": "Never"}},
    "fixed idle time": pool({"scaleToZero": {"mode": "Fixed", "idleSeconds": 300}}),
    "a window": pool({"scaleToZero.windows": [{**WINDOW, "replicas": 8, "timeZone": "Europe/Berlin"}]}),
    "objective 50": pool({"coldStart.objectivePercent": 50}),
    "objective 99.99": pool({"coldStart.objectivePercent": "99.99"}),
    "objective 99 as text": pool({"coldStart.objectivePercent": "99"}),
    "IPv6 address": list_with({"address": "[fd00::1]:6379"}),
    "unicode queue names": list_with({"list": "aufträge:ü", "processingList": "進行中"}),
    "TLS and a login": list_with(
        {
            "tls": {"caSecret": {"name": "redis", "key": "ca.crt"}},
            "auth": {"username": "poolkeeper", "passwordSecret": {"name": "redis", "key": "password"}},
        }
    ),
    "another kind": pool(
        {"targetRef": {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "name": "big"}}
    ),
    "names of 253 letters": pool({"targetRef.name": "a" * 253, "accelerator.class": "b" * 253}),
    "a Service": http_with({}),
    "a Service with all that can be said": http_with(
        {
            "port": 65_535,
            "service": "a" * 63,
            "metrics": {
                "port": 9090,
                "path": "/load",
                "runningSeries": "jobs:running",
                "waitingSeries": "jobs_waiting",
                "activitySeries": "jobs_total",
            },
            "fairBy": "Header",
            "fairHeader": "X-Tenant",
            "heartbeatSeconds": 300,
            "heldRequests": 100_000,
        }
    ),
    "a Service beside a queue": pool(
        {
            "demand": [
                {"name": "web", "http": {"service": "chat", "port": 80}},
                {"name": "jobs", "redisList": LIST},
            ]
        }
    ),
    "the most sources": pool({"demand": [{"name": f"jobs-{n}", "redisList": LIST} for n in range(16)]}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(kubectl: Kubectl, case: str) -> None:
    spec, message = REFUSED[case]
    with pytest.raises(Refused) as refusal:
        kubectl.admit("AcceleratorPool", spec)
    assert message in str(refusal.value)


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(kubectl: Kubectl, case: str) -> None:
    stored = kubectl.admit("AcceleratorPool", ACCEPTED[case])
    assert contains(stored, ACCEPTED[case])


def test_accepts_names_of_253_letters(kubectl: Kubectl) -> None:
    assert kubectl.admit("AcceleratorPool", POOL, name="a" * 253)


def test_fills_in_defaults(kubectl: Kubectl) -> None:
    spec = list_with({"tls": {}})
    assert kubectl.admit("AcceleratorPool", spec) == {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"},
        "accelerator": {"class": "nvidia-l4", "allowTraining": False},
        "replicas": {"min": 0, "max": 8},
        "concurrency": 1,
        "coldStart": {
            "budgetSeconds": 60,
            "objectivePercent": 99,
            "start": "Auto",
            "whenUnattainable": "BestEffort",
        },
        "scaleToZero": {"mode": "Learned", "windows": []},
        "scaleDown": {"drainsOnTermination": False},
        "demand": [
            {
                "name": "jobs",
                "redisList": {**LIST, "database": 0, "tls": {"enabled": True}},
                "pollMilliseconds": 500,
                "staleAfterSeconds": 10,
            }
        ],
        "mode": "Enforce",
    }


def test_fills_in_defaults_of_a_service(kubectl: Kubectl) -> None:
    assert kubectl.admit("AcceleratorPool", http_with({}))["demand"] == [
        {
            "name": "jobs",
            "http": {
                **HTTP,
                "metrics": {"path": "/metrics"},
                "fairBy": "ApiKey",
                "heartbeatSeconds": 0,
                "heldRequests": 10_000,
            },
            "pollMilliseconds": 500,
            "staleAfterSeconds": 10,
        }
    ]


def test_fills_in_defaults_of_windows(kubectl: Kubectl) -> None:
    stored = kubectl.admit("AcceleratorPool", pool({"scaleToZero": {"windows": [WINDOW]}}))
    assert stored["scaleToZero"] == {
        "mode": "Learned",
        "windows": [{**WINDOW, "replicas": 1, "timeZone": "Etc/UTC"}],
    }


def test_shows_the_state_of_pools(kubectl: Kubectl) -> None:
    """`kubectl get apool` after a status was written through the subresource."""
    manifest = {"apiVersion": "poolkeeper.dev/v1alpha1", "kind": "AcceleratorPool", "spec": POOL}
    kubectl("create", "--filename=-", manifest={**manifest, "metadata": {"name": "shown"}})
    status = {
        "replicas": {"ready": 1, "desired": 2},
        "demand": {"queued": 7},
        "coldStart": {"p95Seconds": 42},
        "decision": {"replicas": 2, "reason": "Starting", "message": ""},
        "learned": "2:eNqrVgIAAQ==",
    }
    patch = json.dumps({"status": status})
    kubectl("patch", "apool", "shown", "--subresource=status", "--type=merge", f"--patch={patch}")

    table = kubectl("get", "apool", "shown").splitlines()

    header = "NAME TARGET CLASS READY DESIRED QUEUED COLDSTART(P95) BUDGET STATE AGE"
    assert table[0].split() == header.split()
    assert table[1].split()[:-1] == ["shown", "chat", "nvidia-l4", "1", "2", "7", "42", "60", "Starting"]
    assert (
        json.loads(kubectl("get", "apool", "shown", "--output=json"))["status"]["learned"]
        == status["learned"]
    )
    kubectl("delete", "apool", "shown")


def contains(stored: Any, declared: Any) -> bool:
    """Whether everything declared is still there, whatever defaults were added."""
    if isinstance(declared, dict):
        return all(key in stored and contains(stored[key], value) for key, value in declared.items())
    if isinstance(declared, list):
        return len(stored) == len(declared) and all(map(contains, stored, declared))
    return bool(stored == declared)
