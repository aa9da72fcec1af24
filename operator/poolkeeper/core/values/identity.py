"""What pools and targets are called, everywhere outside the API server."""

from typing import NamedTuple


class PoolKey(NamedTuple):
    """The identity of a pool in everything that is not the API server."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class TargetKey(NamedTuple):
    """A workload that a pool scales; `api_version` is VERSION or GROUP/VERSION."""

    namespace: str
    api_version: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def group(self) -> str:
        """The API group, empty for the core group: two versions of one group are the same objects."""
        return self.api_version.rpartition("/")[0]
