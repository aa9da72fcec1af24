"""What the reconciler needs of the API server, so that tests can stand in for it."""

from collections.abc import Mapping
from typing import Protocol

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.objects.scale import Scale
from poolkeeper.kube.transport.errors import KubeFailure
from poolkeeper.kube.watch.pod import Pod


class ScaleReaderWriter(Protocol):
    """/scale of any target; both calls raise KubeFailure."""

    async def read(self, target: TargetKey) -> Scale:
        """The replicas now."""

    async def write(self, target: TargetKey, scale: Scale, replicas: int) -> Scale:
        """Set them, unless somebody has written since `scale` was read."""


class PodReader(Protocol):
    """The pods of the namespaces that hold pools."""

    def pods(self, namespace: str) -> Mapping[str, Pod]:
        """By uid, as last seen."""

    def failure(self, namespace: str) -> KubeFailure | None:
        """Why they may be out of date; None while they are current."""
