"""The container engine: the Docker that is there, or a dockerd of our own under the cache.

An engine that is there is used as it is. Our own never touches it either: its configuration, data, sockets
and pid file are in the cache, it makes no default bridge, adds no firewall rules (published ports are served
by its userland proxy), and hands out subnets from a range that stock engines do not use.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.engine import bounded_runtime
from hack.kindcluster.machine.cache import Cache, discard
from hack.kindcluster.machine.commands import run, succeeds
from hack.kindcluster.machine.debian import Debian, is_root, require_root
from hack.kindcluster.machine.errors import ClusterError, CommandFailed
from hack.kindcluster.machine.progress import say, step

PACKAGES = ("docker.io", "iptables")
SUBNETS = {"base": "10.213.0.0/16", "size": 24}
START_TIMEOUT_SECONDS = 60.0
# A Unix socket's path ends at 107 bytes, and the engine adds up to 40 to its own folder's.
LONGEST_FOLDER = 66


@dataclass(frozen=True)
class Engine:
    """A Docker engine that answers; `host` is None for the one that the user's own environment selects."""

    host: str | None

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which docker reaches this engine."""
        return dict(os.environ) | ({"DOCKER_HOST": self.host} if self.host else {})

    def docker(self, *arguments: str | Path, text_input: str = "") -> str:
        """The output of a docker command. Raises CommandFailed."""
        return run("docker", *arguments, env=self.environment, text_input=text_input)

    def accepts(self, *arguments: str | Path) -> bool:
        """Whether a docker command succeeds."""
        return succeeds("docker", *arguments, env=self.environment)

    def has_image(self, image: str) -> bool:
        """Whether the engine has an image."""
        return self.accepts("image", "inspect", image)

    @property
    def build_network(self) -> str:
        """The network for build steps that fetch packages: our own engine has no default bridge."""
        return "host" if self.host else "default"

    def stock_or_own(self, stock: str, own: str, build_own: Callable[[], object]) -> str:
        """The stock image where the engine has it or can pull it, else our own, built if need be."""
        for image in (stock, own):
            if self.has_image(image):
                return image
        say(f"==> Pull {stock}")
        try:
            self.docker("pull", stock)
        except CommandFailed as failure:
            reason = failure.output.strip().splitlines()[-1:] or ["no reason given"]
            say(f"    cannot be pulled ({reason[0]}): building {own} instead")
            build_own()
            return own
        return stock


class OwnEngine:
    """A dockerd that lives under the cache."""

    def __init__(
        self,
        cache: Cache,
        *,
        missing_capabilities: frozenset[str] | None = None,
        may_start: bool | None = None,
    ) -> None:
        """What the caller does not say about the machine is looked up."""
        self.cache = cache
        self._missing = (
            bounded_runtime.missing_capabilities() if missing_capabilities is None else missing_capabilities
        )
        self._may_start = is_root() if may_start is None else may_start
        self.folder = cache.path("engine")
        self.pid_file = self.folder / "dockerd.pid"
        self.log = cache.log("dockerd")

    @property
    def exists(self) -> bool:
        """Whether it was ever started."""
        return (self.folder / "daemon.json").exists()

    @property
    def engine(self) -> Engine:
        """The engine, for docker commands."""
        return Engine(f"unix://{self.folder / 'docker.sock'}")

    @property
    def answers(self) -> bool:
        """Whether it runs."""
        return self.exists and self.engine.accepts("version")

    def start(self) -> Engine:
        """Start it unless it runs, clearing away what a killed one left behind."""
        if self.answers:
            return self.engine
        if not self._may_start:
            require_root("Starting a container engine of our own")
        if len(str(self.folder)) > LONGEST_FOLDER:
            raise ClusterError(
                f"{self.folder} is too long for an engine's sockets: set POOLKEEPER_CACHE to a shorter one"
            )
        with step("Start a container engine of our own", str(self.folder)):
            self._configure()
            if self._running(self.pid_file):
                self._wait(None)
            else:
                self._clear_stale_files()
                self._wait(self._spawn())
        return self.engine

    def stop(self) -> None:
        """Remove the network that kind made in it, ask it to end, and wait until nothing of it is left."""
        self.engine.accepts("network", "rm", "kind")
        pid = int(self.pid_file.read_text())
        os.kill(pid, 15)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while self._running(self.pid_file):
            if time.monotonic() > deadline:
                raise ClusterError(f"the engine (pid {pid}) does not end; see {self.log}")
            time.sleep(0.2)
        # Else what a killed predecessor had mounted would keep a person from deleting the cache.
        for path in mounts_under(self.folder, Path("/proc/self/mounts").read_text()):
            run("umount", path)

    def _configure(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        configuration: dict[str, object] = {
            "hosts": [self.engine.host],
            "data-root": str(self.folder / "data"),
            "exec-root": str(self.folder / "exec"),
            "pidfile": str(self.pid_file),
            "bridge": "none",
            "iptables": False,
            "default-address-pools": [SUBNETS],
            # Should dockerd find a system-wide containerd, it shares no names with its other users.
            "containerd-namespace": "poolkeeper",
            "containerd-plugins-namespace": "poolkeeper-plugins",
        }
        if self._missing:
            wrapper = self.folder / "bounded-runtime"
            shutil.copyfile(bounded_runtime.__file__, wrapper)
            wrapper.chmod(0o755)
            configuration |= {"runtimes": {"bounded": {"path": str(wrapper)}}, "default-runtime": "bounded"}
        (self.folder / "daemon.json").write_text(json.dumps(configuration, indent=2) + "\n")

    def _running(self, pid_file: Path) -> bool:
        """Whether the process in a pid file is still the one that wrote it; after a reboot it seldom is."""
        try:
            pid = int(pid_file.read_text())
            return str(self.folder) in Path(f"/proc/{pid}/cmdline").read_text()
        except (OSError, ValueError):
            return False

    def _clear_stale_files(self) -> None:
        stale = [self.pid_file, self.folder / "docker.sock"]
        containerd = self.folder / "exec" / "containerd"
        if not self._running(containerd / "containerd.pid"):
            stale += [
                containerd / name for name in ("containerd.pid", "containerd.sock", "containerd.sock.ttrpc")
            ]
        for path in stale:
            discard(path)

    def _spawn(self) -> subprocess.Popen[bytes]:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            return subprocess.Popen(
                ["dockerd", "--config-file", str(self.folder / "daemon.json")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )

    def _wait(self, daemon: subprocess.Popen[bytes] | None) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self.answers:
            if time.monotonic() > deadline or (daemon and daemon.poll() is not None):
                tail = "\n".join(f"    {line}" for line in self.log.read_text().splitlines()[-15:])
                raise ClusterError(f"the container engine did not start; {self.log} ends with\n{tail}")
            time.sleep(0.3)


def mounts_under(folder: Path, mounts: str) -> list[str]:
    """The mount points in a folder, the innermost first, from the text of /proc/self/mounts."""
    points = [line.split()[1] for line in mounts.splitlines()]
    return [point for point in reversed(points) if Path(point).is_relative_to(folder)]


def running_engine(cache: Cache) -> Engine | None:
    """The engine that `ensure_engine` would give, if it runs already."""
    own = OwnEngine(cache)
    if own.exists:
        return own.engine if own.answers else None
    return machine_engine()


def ensure_engine(cache: Cache, debian: Debian, perhaps_later: Sequence[str] = ()) -> Engine:
    """An engine that can run a node: our own if there is one, else the machine's, else a new one."""
    own = OwnEngine(cache)
    if own.exists and shutil.which("dockerd"):
        return own.start()
    if machine := machine_engine():
        return machine
    if not (shutil.which("dockerd") and shutil.which("docker")):
        debian.require(PACKAGES, "A container engine (no Docker answers here)", perhaps_later)
        if machine := machine_engine():
            return machine
    return own.start()


def machine_engine(missing_capabilities: frozenset[str] | None = None) -> Engine | None:
    """The engine that the user's environment selects, if it answers and can run privileged containers."""
    missing = bounded_runtime.missing_capabilities() if missing_capabilities is None else missing_capabilities
    engine = Engine(None)
    if not shutil.which("docker") or not succeeds("docker", "version", timeout_seconds=20):
        return None
    if missing and not _has_own_runtime(engine):
        say("    Docker answers, but cannot run privileged containers here: capabilities are missing")
        return None
    return engine


def _has_own_runtime(engine: Engine) -> bool:
    """Whether a capability-bounded machine's engine was given a runtime that copes with that."""
    return engine.docker("info", "--format", "{{.DefaultRuntime}}").strip() not in {
        "runc",
        "io.containerd.runc.v2",
    }
