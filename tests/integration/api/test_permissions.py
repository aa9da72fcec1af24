"""What the operator may do with the roles of the chart, and what it may not."""

import json
import subprocess

import pytest
import yaml

from hack.testing.control_plane import ROOT, tools
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.paths import api_path
from tests.integration.api.conftest import Kubectl

OPERATOR = "system:serviceaccount:poolkeeper-system:poolkeeper"
NARROW = "system:serviceaccount:poolkeeper-system:narrow"
GROUPS = ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:poolkeeper-system"]
SYSTEM = "poolkeeper-system"

# Verb, resource.group/subresource, namespace, name; an empty namespace means all of them.
Request = tuple[str, str, str, str]

ALLOWED: list[Request] = [
    ("watch", "acceleratorpools.poolkeeper.dev", "", ""),
    ("patch", "acceleratorpools.poolkeeper.dev/status", "serving", "chat"),
    ("watch", "acceleratorclasses.poolkeeper.dev", "", ""),
    ("patch", "acceleratorclasses.poolkeeper.dev", "", "cpu"),
    ("watch", "acceleratorquotas.poolkeeper.dev", "", ""),
    ("patch", "acceleratorquotas.poolkeeper.dev/status", "", "site"),
    ("get", "deployments.apps", "serving", "chat"),
    ("update", "statefulsets.apps/scale", "serving", "chat"),
    ("watch", "pods", "", ""),
    ("create", "events", "serving", ""),
    ("list", "horizontalpodautoscalers.autoscaling", "serving", ""),
    ("list", "scaledobjects.keda.sh", "serving", ""),
    ("get", "resourceclaimtemplates.resource.k8s.io", "serving", "one-gpu"),
    ("get", "resourceclaims.resource.k8s.io", "serving", "the-gpu"),
    ("get", "deviceclasses.resource.k8s.io", "", "gpu.nvidia.com"),
    ("create", "leases.coordination.k8s.io", SYSTEM, ""),
    ("update", "leases.coordination.k8s.io", SYSTEM, "poolkeeper"),
]
DENIED: list[Request] = [
    ("update", "acceleratorpools.poolkeeper.dev", "serving", "chat"),
    ("patch", "acceleratorquotas.poolkeeper.dev", "", "site"),
    ("delete", "acceleratorclasses.poolkeeper.dev", "", "cpu"),
    ("update", "deployments.apps", "serving", "chat"),
    ("update", "replicasets.apps/scale", "serving", "chat"),
    ("delete", "pods", "serving", "chat-0"),
    ("create", "pods/exec", "serving", "chat-0"),
    ("get", "secrets", "serving", "redis"),
    ("list", "secrets", SYSTEM, ""),
    ("list", "nodes", "", ""),
    ("list", "resourceclaims.resource.k8s.io", "serving", ""),
    ("update", "resourceclaims.resource.k8s.io", "serving", "the-gpu"),
    ("list", "deviceclasses.resource.k8s.io", "", ""),
    ("update", "leases.coordination.k8s.io", SYSTEM, "other"),
    ("update", "leases.coordination.k8s.io", "serving", "poolkeeper"),
    ("create", "clusterrolebindings.rbac.authorization.k8s.io", "", ""),
]

NARROW_ALLOWED: list[Request] = [
    ("list", "acceleratorpools.poolkeeper.dev", "serving", ""),
    ("delete", "endpointslices.discovery.k8s.io", "serving", "chat-poolkeeper-ipv4"),
    ("update", "deployments.apps/scale", "serving", "chat"),
    ("update", "deployments.apps/scale", SYSTEM, "narrow"),
    ("update", "leases.coordination.k8s.io", SYSTEM, "narrow"),
    ("list", "networkpolicies.networking.k8s.io", "serving", ""),
    ("list", "networkpolicies.networking.k8s.io", SYSTEM, ""),
    ("get", "namespaces", "serving", "serving"),
    ("get", "namespaces", SYSTEM, SYSTEM),
    ("get", "resourceclaimtemplates.resource.k8s.io", "serving", "one-gpu"),
    ("get", "deviceclasses.resource.k8s.io", "", "gpu.nvidia.com"),
]
NARROW_DENIED: list[Request] = [
    ("update", "deployments.apps/scale", SYSTEM, "other"),
    ("update", "deployments.apps", SYSTEM, "narrow"),
    ("list", "endpointslices.discovery.k8s.io", "", ""),
    ("list", "networkpolicies.networking.k8s.io", "batch", ""),
    ("list", "namespaces", "", ""),
    ("get", "namespaces", "batch", "batch"),
    ("get", "resourceclaimtemplates.resource.k8s.io", "batch", "one-gpu"),
]


@pytest.fixture(scope="module")
def roles(kubectl: Kubectl) -> None:
    """The roles of deploy/, in force."""
    kubectl("apply", f"--filename={ROOT / 'deploy' / 'namespace.yaml'}")
    kubectl("apply", f"--filename={ROOT / 'deploy' / 'rbac.yaml'}")


@pytest.fixture(scope="module")
def narrow_roles(kubectl: Kubectl) -> None:
    """Those of a release with activators for one namespace, while its hook runs."""
    (helm,) = tools("helm")
    values = ("fullnameOverride=narrow", "activator.enabled=true", "watchNamespaces={serving}")
    command = [helm, "template", "narrow", str(ROOT / "charts" / "poolkeeper"), "--namespace", SYSTEM]
    command += [word for value in values for word in ("--set", value)]
    rendered = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    items = [item for item in yaml.safe_load_all(rendered) if item and "Role" in item["kind"]]
    kubectl("apply", f"--filename={ROOT / 'deploy' / 'namespace.yaml'}")
    serving = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "serving"}}
    kubectl("apply", "--filename=-", manifest=serving)
    kubectl("apply", "--filename=-", manifest={"apiVersion": "v1", "kind": "List", "items": items})


async def may(client: KubeClient, request: Request, user: str = OPERATOR) -> bool:
    """Whether the API server would let the operator do that."""
    verb, kind, namespace, name = request
    kind, _, subresource = kind.partition("/")
    resource, _, group = kind.partition(".")
    attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
    attributes |= {"namespace": namespace, "name": name}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": GROUPS, "resourceAttributes": attributes},
    }
    path = api_path("authorization.k8s.io/v1", "subjectaccessreviews")
    return bool((await client.request("POST", path, body=review))["status"]["allowed"])


@pytest.mark.parametrize("request_", ALLOWED, ids=" ".join)
async def test_allowed(kube_client: KubeClient, roles: None, request_: Request) -> None:
    assert await may(kube_client, request_)


@pytest.mark.parametrize("request_", DENIED, ids=" ".join)
async def test_denied(kube_client: KubeClient, roles: None, request_: Request) -> None:
    assert not await may(kube_client, request_)


@pytest.mark.parametrize("request_", NARROW_ALLOWED, ids=" ".join)
async def test_allowed_in_one_namespace(
    kube_client: KubeClient, narrow_roles: None, request_: Request
) -> None:
    assert await may(kube_client, request_, NARROW)


@pytest.mark.parametrize("request_", NARROW_DENIED, ids=" ".join)
async def test_denied_elsewhere(kube_client: KubeClient, narrow_roles: None, request_: Request) -> None:
    assert not await may(kube_client, request_, NARROW)


def test_the_kustomization_is_accepted_whole(kubectl: Kubectl) -> None:
    folder = str(ROOT / "deploy")
    kubectl("apply", "--server-side", "--force-conflicts", "--kustomize", folder)
    items = json.loads(kubectl("get", "--output=json", "--kustomize", folder))["items"]
    kinds = {item["kind"] for item in items}
    assert {"Deployment", "NetworkPolicy", "PodDisruptionBudget", "CustomResourceDefinition"} <= kinds
