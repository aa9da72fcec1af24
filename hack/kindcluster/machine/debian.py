"""The machine's own packages: what is installed, what would have to be, and by which command."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.machine.cache import Cache
from hack.kindcluster.machine.commands import run, run_logged, succeeds
from hack.kindcluster.machine.errors import ClusterError, NotPermitted
from hack.kindcluster.machine.progress import say, step

SOURCES = Path("/etc/apt")


def is_installed(package: str) -> bool:
    """Whether dpkg has a package installed."""
    if not succeeds("dpkg-query", "--show", package):
        return False
    return run("dpkg-query", "--show", "--showformat=${db:Status-Status}", package) == "installed"


@dataclass(frozen=True)
class Debian:
    """What this machine's packages allow."""

    cache: Cache
    may_install: bool
    is_debian: bool
    is_root: bool
    installed: Callable[[str], bool] = is_installed
    """Whether a package is installed."""

    @classmethod
    def of(cls, cache: Cache, environment: Mapping[str, str]) -> "Debian":
        """This machine; INSTALL=no in the environment forbids to install packages."""
        return cls(
            cache,
            may_install=environment.get("INSTALL", "").lower() not in {"no", "0", "false"},
            is_debian=is_debian(),
            is_root=is_root(),
        )

    def require(self, packages: Sequence[str], why: str, perhaps_later: Sequence[str] = ()) -> None:
        """Install the packages that are missing, after saying so; refuse where that is not allowed.

        A refusal also names what may be needed later, so that a person runs into one refusal, not three.
        """
        if not self.is_debian:
            raise ClusterError(
                f"{why} needs {', '.join(packages)}: install what corresponds to these Debian packages"
            )
        missing = [package for package in packages if not self.installed(package)]
        if not missing:
            return
        commands = ["apt-get update", _install_command(missing)]
        if not (self.may_install and self.is_root):
            reason = "only root may install" if self.may_install else "INSTALL=no forbids to install"
            if later := [package for package in perhaps_later if not self.installed(package)]:
                commands.append(f"{_install_command(later)}  # where no registry can be reached")
            raise NotPermitted(f"{why} needs Debian packages, which {reason}", commands)
        say(f"    {why} needs Debian packages: {', '.join(missing)}")
        with step(commands[-1]):
            env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            for command in commands:
                run_logged(command.split(), self.cache.log("apt"), env=env)


def _install_command(packages: Sequence[str]) -> str:
    return f"apt-get install --yes --no-install-recommends {' '.join(packages)}"


def is_root() -> bool:
    """Whether this process may do everything."""
    return os.geteuid() == 0


def require_root(why: str) -> None:
    """Raises NotPermitted, with the command for root, unless this process is root's."""
    if not is_root():
        raise NotPermitted(f"{why} needs root", ["sudo --preserve-env hack/cluster up"])


def is_debian(os_release: Path = Path("/etc/os-release")) -> bool:
    """Whether this machine is a Debian."""
    return os_release.exists() and re.search(r"^ID=debian$", os_release.read_text(), re.MULTILINE) is not None


def mirror(suite: str, folder: Path = SOURCES) -> str | None:
    """The mirror that this machine's own apt uses for a suite, or None where it names none."""
    for file in sorted([*folder.glob("*.list"), *folder.glob("*.d/*.list"), *folder.glob("*.d/*.sources")]):
        if found := mirror_in(file.read_text(), suite):
            return found
    return None


def mirror_in(text: str, suite: str) -> str | None:
    """The mirror of a suite in the text of a sources file, of the one-line or the deb822 kind."""
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.MULTILINE))
        if suite in fields.get("Suites", "").split() and fields.get("URIs"):
            return str(fields["URIs"].split()[0])
    one_line = re.search(rf"^deb\s+(?:\[[^]]*]\s+)?(\S+)\s+{re.escape(suite)}\s", text, re.MULTILINE)
    return one_line.group(1) if one_line else None
