"""What to do about another writer of a target's replicas, by the name under which it writes.

A tool is recognised by its field manager, the name that clients put on what they write. Each row of WRITERS
gives names (a name that ends in * stands for all that begin like it), what the tool is, and the remedy.
"""

from typing import NamedTuple

from poolkeeper.kube.objects.managed_fields import UNNOTED, ReplicaWriter


class KnownWriter(NamedTuple):
    """A tool that people use beside the operator."""

    managers: tuple[str, ...]
    """Its field managers."""
    how: str
    """The operation or the subresource that it writes with, where its name alone says too little."""
    tool: str
    """What it is, with an article where English asks for one."""
    remedy: str
    """What to do, so that only one of the two sets the replicas."""


ANY = ""
BY_HAND = (
    "to keep replicas up, set replicas.min or a window in scaleToZero.windows; to scale by hand for a while, "
    "set mode: Observe on this pool"
)
MANIFEST = "remove spec.replicas from the manifest"
UNKNOWN = (
    "often a deployment tool applies spec.replicas: remove that field from its manifests; kubectl get with "
    "--show-managed-fields shows who owns f:replicas"
)

WRITERS = (
    KnownWriter(
        ("argocd*", "argo", "argo-cd*"),
        ANY,
        "Argo CD",
        "add the target to ignoreDifferences of the Application with jsonPointers: [/spec/replicas], and set "
        "the sync option RespectIgnoreDifferences=true",
    ),
    KnownWriter(
        ("kustomize-controller",),
        ANY,
        "a Kustomization of Flux",
        "leave spec.replicas out of the manifest that it applies",
    ),
    KnownWriter(
        ("helm-controller",),
        ANY,
        "a HelmRelease of Flux",
        "leave replicas out of the chart's template, or out of its values",
    ),
    KnownWriter(
        ("helm", "Helm"), ANY, "Helm", "leave replicas out of the chart's template, or out of its values"
    ),
    KnownWriter(
        ("kube-controller-manager",),
        "scale",
        "a HorizontalPodAutoscaler",
        "delete the HorizontalPodAutoscaler or this pool",
    ),
    KnownWriter(("keda*",), ANY, "KEDA", "delete the ScaledObject or this pool"),
    KnownWriter(("kubectl-client-side-apply", "kubectl-last-applied"), ANY, "kubectl apply", MANIFEST),
    KnownWriter(("kubectl",), "Apply", "kubectl apply --server-side", MANIFEST),
    KnownWriter(("kubectl",), "scale", "kubectl scale", BY_HAND),
    KnownWriter(
        (UNNOTED.manager,),
        UNNOTED.subresource,
        "a person or an autoscaler",
        f"{BY_HAND}; if it is an autoscaler, delete it or this pool",
    ),
    KnownWriter(
        ("kubectl-edit", "kubectl-patch", "kubectl-replace", "kubectl", "k9s"), ANY, "a person", BY_HAND
    ),
    KnownWriter(
        ("Terraform", "HashiCorp", "terraform*", "OpenTofu", "pulumi*"),
        ANY,
        "Terraform or Pulumi",
        "ignore changes of the replicas in its resource, for example lifecycle.ignore_changes in Terraform",
    ),
)


def writer_advice(writer: ReplicaWriter | None) -> str:
    """What to do about a writer, as a clause without a full stop; general where the writer is not known."""
    known = known_writer(writer)
    return f"it is {known.tool}: {known.remedy}" if known else UNKNOWN


def known_writer(writer: ReplicaWriter | None) -> KnownWriter | None:
    """The first row that fits a writer."""
    if writer is None:
        return None
    ways = (ANY, writer.operation, writer.subresource)
    return next((row for row in WRITERS if row.how in ways and _is_of(writer.manager, row.managers)), None)


def _is_of(manager: str, names: tuple[str, ...]) -> bool:
    return any(manager.startswith(name[:-1]) if name.endswith("*") else manager == name for name in names)
