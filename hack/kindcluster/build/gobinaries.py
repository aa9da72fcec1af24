"""Programs that the Go module proxy serves as source: Kubernetes, etcd, helm, kind and what a node needs.

One go.mod (hack/gobuild) requires them all, so that they share compiled packages and one go.sum covers them.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.machine.cache import Cache, content_key
from hack.kindcluster.machine.commands import run, run_logged
from hack.kindcluster.machine.errors import ClusterError, TookTooLong
from hack.kindcluster.machine.progress import Counter, step
from hack.kindcluster.machine.versions import HACK, Versions, parse_version

SOURCE = HACK / "gobuild"

_CNI = "github.com/containernetworking/plugins/plugins"
_CONTAINERD = "github.com/containerd/containerd/v2/cmd"
_KUBERNETES = "k8s.io/kubernetes/cmd"

PACKAGES = {
    "containerd": f"{_CONTAINERD}/containerd",
    "containerd-shim-runc-v2": f"{_CONTAINERD}/containerd-shim-runc-v2",
    "coredns": "poolkeeper/gobuild/coredns",
    "ctr": f"{_CONTAINERD}/ctr",
    "etcd": "poolkeeper/gobuild/etcd",
    "helm": "helm.sh/helm/v4/cmd/helm",
    "host-local": f"{_CNI}/ipam/host-local",
    "kind": "sigs.k8s.io/kind",
    "kube-apiserver": f"{_KUBERNETES}/kube-apiserver",
    "kube-controller-manager": f"{_KUBERNETES}/kube-controller-manager",
    "kube-proxy": f"{_KUBERNETES}/kube-proxy",
    "kube-scheduler": f"{_KUBERNETES}/kube-scheduler",
    "kubeadm": f"{_KUBERNETES}/kubeadm",
    "kubectl": f"{_KUBERNETES}/kubectl",
    "kubelet": f"{_KUBERNETES}/kubelet",
    "loopback": f"{_CNI}/main/loopback",
    "pause": "poolkeeper/gobuild/pause",
    "portmap": f"{_CNI}/meta/portmap",
    "ptp": f"{_CNI}/main/ptp",
    "runc": "github.com/opencontainers/runc",
}

# Without libseccomp, runc refuses every sandbox that has a seccomp profile, which is every sandbox.
NEEDS_CGO = frozenset({"runc"})

# The linker strips debug information anyway; not making it saves a sixth of the time and of the build cache.
COMPILE_FLAGS = ("-trimpath", "-buildvcs=false", "-gcflags=all=-dwarf=false", "-tags=seccomp")

DOWNLOAD_TRIES = 3

GO_ADVICE = "on Debian 12, `apt-get install -t bookworm-backports golang-go` once backports are enabled"


@dataclass(frozen=True)
class GoBinaries:
    """Programs built from Go modules, each once for its version and flags."""

    cache: Cache
    versions: Versions
    download_seconds: float = 600.0
    """How long a download of modules may take before it is tried again; modules that arrived are kept."""

    @property
    def folder(self) -> Path:
        """Where the programs of these versions and flags lie."""
        sources = [SOURCE / name for name in ("go.mod", "go.sum", "coredns", "etcd", "pause")]
        key = content_key(sources, *COMPILE_FLAGS, self._link_flags())
        return self.cache.path("go-binaries", f"{self.versions.kubernetes}-{key}")

    def find(self, name: str) -> Path | None:
        """A program that was built before; None if it was not."""
        path = self.folder / name
        return path if path.exists() else None

    def build(self, names: Iterable[str]) -> Path:
        """Make sure that the named binaries are in `folder`, and return it."""
        wanted = sorted(set(names))
        if self._missing(wanted):
            with self.cache.lock("build"):
                for group in (frozenset(wanted) - NEEDS_CGO, frozenset(wanted) & NEEDS_CGO):
                    if missing := self._missing(group):
                        self._build_group(missing)
        return self.folder

    def build_tool(self, module: str, package: str) -> Path:
        """Build a tool that is kept out of the common go.mod for the dependencies that it drags in."""
        version = self.versions.go_tools[module]
        name = package.rsplit("/", 1)[-1]
        target = self.cache.path("go-tools", f"{name}-{version}", name)
        if not target.exists():
            with self.cache.lock("build"), step(f"Build {name} {version}", "about 2 min on 2 cores"):
                self.cache.build(
                    target.parent, lambda scratch: self._install(f"{package}@{version}", scratch)
                )
        return target

    def module_folder(self, module: str) -> Path:
        """Where a module's source lies in the module cache."""
        self._require_go()
        self._download("go", "mod", "download", module, env=self._environment())
        answer = run("go", "list", "-m", "-f", "{{.Dir}}", module, cwd=SOURCE, env=self._environment())
        return Path(answer.strip())

    def go_is_there(self) -> bool:
        """Whether PATH has a Go that is new enough."""
        minimum = parse_version(self.versions.minimum["go"])
        return shutil.which("go") is not None and parse_version(run("go", "version")) >= minimum

    def _missing(self, names: Iterable[str]) -> list[str]:
        return [name for name in sorted(names) if not (self.folder / name).exists()]

    def _build_group(self, names: list[str]) -> None:
        self._require_go()
        packages = [PACKAGES[name] for name in names]
        env = self._environment(cgo=bool(NEEDS_CGO.intersection(names)))
        expectation = "about 5 min on 2 cores from a cold cache" if "kube-apiserver" in names else ""
        title = f"Build {', '.join(names)} from Go modules"
        with step(title, expectation), self.cache.scratch("go-build") as scratch:
            listed = self._download("go", "list", "-deps", "-f", "{{.ImportPath}}", *packages, env=env)
            counter = Counter("Go packages compiled", len(listed.splitlines()))
            command = ["go", "build", "-v", *COMPILE_FLAGS, "-ldflags", self._link_flags()]
            run_logged(
                [*command, "-o", f"{scratch}/", *packages],
                self.cache.log("go-build"),
                cwd=SOURCE,
                env=env,
                on_line=lambda _: counter.advance(),
            )
            counter.close()
            self.folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                os.rename(scratch / name, self.folder / name)

    def _install(self, target: str, folder: Path) -> None:
        self._require_go()
        command = ["go", "install", "-trimpath", "-ldflags=-s -w", target]
        run_logged(command, self.cache.log("go-build"), env=self._environment() | {"GOBIN": str(folder)})

    def _download(self, *command: str, env: dict[str, str]) -> str:
        """Go waits for ever for a proxy whose connection has died."""
        for _ in range(DOWNLOAD_TRIES - 1):
            with contextlib.suppress(TookTooLong):
                return run(*command, cwd=SOURCE, env=env, timeout_seconds=self.download_seconds)
        return run(*command, cwd=SOURCE, env=env, timeout_seconds=self.download_seconds)

    def _require_go(self) -> None:
        if not self.go_is_there():
            minimum = self.versions.minimum["go"]
            raise ClusterError(f"Go {minimum} or newer is needed to build what cannot be pulled: {GO_ADVICE}")

    def _link_flags(self) -> str:
        """Strip, and set the versions that kubeadm's skew checks and `helm version` read."""
        major, minor, _ = parse_version(self.versions.kubernetes)
        flags = [
            "-s",
            "-w",
            f"-X helm.sh/helm/v4/internal/version.version={self.versions.go_modules['helm.sh/helm/v4']}",
        ]
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
            flags += [
                f"-X {package}.gitVersion={self.versions.kubernetes}",
                f"-X {package}.gitMajor={major}",
                f"-X {package}.gitMinor={minor}",
                f"-X {package}.gitTreeState=clean",
            ]
        return " ".join(flags)

    def _environment(self, *, cgo: bool = False) -> dict[str, str]:
        env = dict(os.environ)
        # Gigabytes that only this script needs go where deleting the cache deletes them.
        env.setdefault("GOMODCACHE", str(self.cache.path("go", "mod")))
        env.setdefault("GOCACHE", str(self.cache.path("go", "build")))
        env["GOFLAGS"] = f"{env.get('GOFLAGS', '')} -modcacherw".strip()
        env["CGO_ENABLED"] = "1" if cgo else "0"
        # A compiler that never collects garbage saves a sixth of the time; the limit bounds what it may use.
        env.setdefault("GOGC", "off")
        env.setdefault("GOMEMLIMIT", f"{_memory_mib_per_core()}MiB")
        return env


def _memory_mib_per_core() -> int:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(512, int(pages * 0.6 / (os.cpu_count() or 1)) >> 20)
