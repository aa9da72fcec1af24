"""Which tool another writer of the replicas is, and what to do about it."""

import pytest

from poolkeeper.advice.writers import UNKNOWN, WRITERS, known_writer, writer_advice
from poolkeeper.kube.objects.managed_fields import UNNOTED, ReplicaWriter


def writer(manager: str, operation: str = "Update", subresource: str = "") -> ReplicaWriter:
    return ReplicaWriter(manager, operation, subresource, None)


@pytest.mark.parametrize(
    ("found", "tool", "remedy"),
    [
        (writer("argocd-controller", "Apply"), "Argo CD", "RespectIgnoreDifferences=true"),
        (writer("argocd-application-controller"), "Argo CD", "jsonPointers: [/spec/replicas]"),
        (writer("argo", "Apply"), "Argo CD", "ignoreDifferences"),
        (writer("kustomize-controller", "Apply"), "a Kustomization of Flux", "leave spec.replicas out"),
        (writer("helm-controller"), "a HelmRelease of Flux", "chart's template"),
        (writer("helm"), "Helm", "chart's template"),
        (writer("kubectl-client-side-apply"), "kubectl apply", "remove spec.replicas from the manifest"),
        (writer("kubectl", "Apply"), "kubectl apply --server-side", "remove spec.replicas from the manifest"),
        (writer("kubectl", "Update", "scale"), "kubectl scale", "set mode: Observe"),
        (writer("kubectl-edit"), "a person", "set replicas.min"),
        (writer("kubectl"), "a person", "set replicas.min"),
        (writer("kube-controller-manager", "Update", "scale"), "a HorizontalPodAutoscaler", "delete"),
        (writer("keda", "Update", "scale"), "KEDA", "ScaledObject"),
        (UNNOTED, "a person or an autoscaler", "if it is an autoscaler, delete it or this pool"),
        (writer("keda-operator"), "KEDA", "ScaledObject"),
        (writer("Terraform", "Apply"), "Terraform or Pulumi", "ignore changes"),
        (writer("pulumi-kubernetes-1a2b", "Apply"), "Terraform or Pulumi", "ignore changes"),
    ],
)
def test_a_known_tool(found: ReplicaWriter, tool: str, remedy: str) -> None:
    advice = writer_advice(found)
    assert advice.startswith(f"it is {tool}: ")
    assert remedy in advice


@pytest.mark.parametrize(
    "found",
    [
        None,
        writer("my-controller"),
        # Not by the autoscaler, but by another controller of the control plane.
        writer("kube-controller-manager"),
        writer("", "Apply"),
        # Only a * stands for more.
        writer("helmet"),
    ],
)
def test_general_advice_for_the_rest(found: ReplicaWriter | None) -> None:
    assert known_writer(found) is None
    assert writer_advice(found) == UNKNOWN


def test_every_row_is_a_clause_that_can_follow_another() -> None:
    for row in WRITERS:
        assert not row.remedy.endswith(".")
        assert row.remedy[0].islower()
