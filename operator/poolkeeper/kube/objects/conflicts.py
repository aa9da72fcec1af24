"""Other scalers of the targets in a namespace: HorizontalPodAutoscalers and KEDA's ScaledObjects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, NotFound
from poolkeeper.kube.transport.fields import mapping, readable, required, text
from poolkeeper.kube.transport.paths import namespaced_path


class ScalerKind(NamedTuple):
    """A kind whose objects scale something by `.spec.scaleTargetRef`."""

    api_version: str
    plural: str
    kind: str


SCALER_KINDS = (
    ScalerKind("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"),
    ScalerKind("keda.sh/v1alpha1", "scaledobjects", "ScaledObject"),
)


class Scaler(NamedTuple):
    """An object that scales a target."""

    kind: str
    name: str
    target_group: str
    """Without the version, since all versions of an API group show the same object."""
    target_kind: str
    target_name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class NamespaceScalers:
    """The scalers of one namespace."""

    scalers: tuple[Scaler, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Kinds that could not be listed, each with the reason."""

    def of(self, target: TargetKey) -> tuple[Scaler, ...]:
        """Those that scale this target."""
        wanted = (target.group, target.kind, target.name)
        return tuple(scaler for scaler in self.scalers if scaler[2:] == wanted)


async def scalers_in(client: KubeClient, namespace: str) -> NamespaceScalers:
    """All scalers of a namespace. A kind that the API server does not serve has no objects; a kind that the
    operator may not list is unknown. Raises ApiError, ApiUnreachable."""
    scalers: list[Scaler] = []
    unknown: dict[str, str] = {}
    for kind in SCALER_KINDS:
        try:
            answer = await client.request("GET", namespaced_path(kind.api_version, namespace, kind.plural))
        except NotFound:
            continue
        except ApiError as failure:
            if failure.status != 403:
                raise
            unknown[kind.kind] = (
                f"poolkeeper may not list {kind.plural} of {kind.api_version} in namespace {namespace}: "
                "add that rule to its Role, as the chart does"
            )
        else:
            scalers.extend(readable(answer.get("items"), partial(project_scaler, kind)))
    return NamespaceScalers(tuple(scalers), unknown)


def project_scaler(kind: ScalerKind, raw: Mapping[str, Any]) -> Scaler:
    """The projection of an object of that kind. Raises Unreadable."""
    target = mapping(mapping(raw.get("spec")).get("scaleTargetRef"))
    # Where KEDA's ScaledObject leaves out version and kind, a Deployment of apps/v1 is meant.
    api_version = target.get("apiVersion")
    return Scaler(
        kind=kind.kind,
        name=required(text(mapping(raw.get("metadata")).get("name"))),
        target_group="apps" if api_version is None else text(api_version).rpartition("/")[0],
        target_kind=text(target.get("kind")) or "Deployment",
        target_name=text(target.get("name")),
    )
