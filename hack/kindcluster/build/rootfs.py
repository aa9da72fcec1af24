"""Debian root file systems, made with debootstrap from the mirror that this machine uses."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.machine.cache import Cache, content_key
from hack.kindcluster.machine.commands import run, run_logged
from hack.kindcluster.machine.debian import Debian, mirror, require_root
from hack.kindcluster.machine.progress import step
from hack.kindcluster.machine.versions import Versions

PACKAGES = ("debootstrap",)

# What a container never reads; `var/lib/apt/lists` alone is a fifth of a minimal system.
BALLAST = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt/archives",
    "var/cache/apt/pkgcache.bin",
    "var/cache/apt/srcpkgcache.bin",
    "var/lib/apt/lists",
    "var/log",
)


@dataclass(frozen=True)
class RootFileSystems:
    """Debian root file systems in the cache, one for each list of packages."""

    cache: Cache
    versions: Versions
    debian: Debian

    def build(self, name: str, packages: Sequence[str], expectation: str) -> Path:
        """The folder of a minimal Debian with some packages; the caller holds the build lock."""
        target = self.cache.path("rootfs", f"{name}-{self.key(packages)}")
        if not target.exists():
            require_root("Making a Debian root file system")
            self.debian.require(PACKAGES, "a Debian root file system")
            with step(f"Make a Debian {self.versions.debian_suite} for the {name}", expectation):
                self.cache.build(target, self._debootstrap(packages))
        return target

    def key(self, packages: Sequence[str]) -> str:
        """A key that changes with the Debian suite and the packages."""
        return content_key([], self.versions.debian_suite, *packages)

    def _debootstrap(self, packages: Sequence[str]) -> Callable[[Path], None]:
        def fill(scratch: Path) -> None:
            # In namespaces of its own, a killed debootstrap leaves no mounts and no processes behind.
            command = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
            command += ["debootstrap", "--variant=minbase"]
            command.append(f"--include={','.join(packages)}")
            command += [self.versions.debian_suite, str(scratch)]
            if source := mirror(self.versions.debian_suite):
                command.append(source)
            run_logged(command, self.cache.log("debootstrap"))
            for path in BALLAST:
                empty(scratch / path)

        return fill


def empty(path: Path) -> None:
    """Remove what is in a folder but keep the folder, since programs expect it; remove a file."""
    if path.is_dir():
        for child in path.iterdir():
            shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
    else:
        path.unlink(missing_ok=True)


def pack(folder: Path, archive: Path) -> Path:
    """Pack a root file system into an uncompressed tar file, owners and modes kept."""
    run(
        "tar",
        "--create",
        "--numeric-owner",
        "--one-file-system",
        "--file",
        archive,
        "--directory",
        folder,
        ".",
    )
    return archive


def copy_tree(source: Path, target: Path) -> None:
    """Copy a root file system with everything that it holds: owners, links, device nodes."""
    target.mkdir(parents=True)
    run("cp", "--archive", "--reflink=auto", f"{source}{os.sep}.", target)
