"""Tools by name: from the cache, from PATH when new enough, else built with Go or installed by apt."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.machine.commands import run
from hack.kindcluster.machine.debian import Debian
from hack.kindcluster.machine.errors import ClusterError
from hack.kindcluster.build.gobinaries import GO_ADVICE, GoBinaries
from hack.kindcluster.machine.versions import Versions, parse_version

BUILT = ("etcd", "helm", "kind", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
ON_DEMAND = {"kwok": ("sigs.k8s.io/kwok", "sigs.k8s.io/kwok/cmd/kwok")}
PACKAGED = {"redis-server": "redis-server"}
NAMES = sorted([*BUILT, *ON_DEMAND, *PACKAGED])

_VERSION_ARGUMENTS = {
    "helm": ("version", "--template={{.Version}}"),
    "kind": ("version",),
    "kubectl": ("version", "--client", "--output=yaml"),
}


@dataclass(frozen=True)
class Tools:
    """The tools that tests, benchmarks and the cluster need."""

    versions: Versions
    binaries: GoBinaries
    debian: Debian

    def paths(self, names: Sequence[str]) -> list[Path]:
        """Make sure that each tool is there, building all that are not in one go."""
        unknown = sorted(set(names) - set(NAMES))
        if unknown:
            raise ClusterError(f"no such tool: {', '.join(unknown)}; there are {', '.join(NAMES)}")
        at_hand = {name: self.at_hand(name) for name in names}
        to_build = [name for name in names if at_hand[name] is None and name in BUILT]
        if to_build:
            self.binaries.build(to_build)
        return [at_hand[name] or self._obtain(name) for name in names]

    def path(self, name: str) -> Path:
        """Makes sure that one tool is there; its path."""
        return self.paths([name])[0]

    def require_obtainable(self, names: Sequence[str]) -> None:
        """Refuse where tools are missing that could not be built either."""
        missing = [name for name in names if not self.at_hand(name)]
        if missing and not self.binaries.go_is_there():
            wanted = ", ".join(f"{name} (at least {self.versions.minimum[name]})" for name in missing)
            raise ClusterError(f"install {wanted} and put them on PATH; or Go, to build them: {GO_ADVICE}")

    def at_hand(self, name: str) -> Path | None:
        """Where a tool is already, without building anything."""
        if name in BUILT and (built := self.binaries.find(name)):
            return built
        on_path = shutil.which(name)
        return Path(on_path) if on_path and self._new_enough(name, on_path) else None

    def _new_enough(self, name: str, path: str) -> bool:
        try:
            answer = run(path, *_VERSION_ARGUMENTS.get(name, ("--version",)), timeout_seconds=20)
            return parse_version(answer.partition("gitVersion:")[2] or answer) >= parse_version(
                self.versions.minimum[name]
            )
        except (ClusterError, ValueError):
            return False

    def _obtain(self, name: str) -> Path:
        if name in ON_DEMAND:
            return self.binaries.build_tool(*ON_DEMAND[name])
        if name in PACKAGED:
            self.debian.require([PACKAGED[name]], f"the tool {name}")
            return Path(shutil.which(name) or f"/usr/bin/{name}")
        built = self.binaries.find(name)
        assert built is not None, f"{name} was just built"
        return built
