"""Python packages for an image, chosen and fetched outside of it, for the image's own Python.

Environment markers are read for the image's Python version, not for this one: the lock holds for both.
"""

import importlib.util
import platform
import re
import shutil
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from hack.kindcluster.machine.cache import Cache
from hack.kindcluster.machine.commands import run, run_logged
from hack.kindcluster.machine.debian import Debian
from hack.kindcluster.machine.progress import step
from hack.kindcluster.machine.versions import HACK, Versions

LOCK = HACK.parent / "requirements" / "runtime.txt"
MACHINES = {"arm64": "aarch64"}


@dataclass(frozen=True)
class Requirements:
    """Installs locked Python packages into a folder, for the Python of an image."""

    cache: Cache
    versions: Versions
    debian: Debian

    def install(self, target: Path, only: Collection[str] = (), lock: Path = LOCK) -> None:
        """Fill a folder with the locked packages, or only those named; hashes are checked."""
        locked = lock.read_text()
        file = target.with_name(f"{target.name}.txt")
        file.write_text(select(locked, only) if only else locked)
        machine = MACHINES.get(platform.machine(), platform.machine())
        command: list[str | Path] = [
            self._uv(),
            "pip",
            "install",
            "--require-hashes",
            "--no-deps",
            "--no-build",
        ]
        command += ["--python", sys.executable, "--python-version", self.versions.image_python]
        command += [
            "--python-platform",
            f"{machine}-manylinux_2_28",
            "--target",
            target,
            "--requirements",
            file,
        ]
        run_logged(command, self.cache.log("python-packages"))
        # Console scripts name this machine's Python; the images run modules.
        shutil.rmtree(target / "bin", ignore_errors=True)

    def _uv(self) -> Path:
        """uv, from the cache or from the Python package index."""

        def fill(scratch: Path) -> None:
            if importlib.util.find_spec("ensurepip") is None:
                self.debian.require(["python3-venv"], "fetching Python packages")
            run(sys.executable, "-m", "venv", scratch)
            run_logged(
                [scratch / "bin/python", "-m", "pip", "install", f"uv=={self.versions.uv}"],
                self.cache.log("python-packages"),
            )

        folder = self.cache.path("uv", self.versions.uv)
        if not folder.exists():
            with step(f"Fetch uv {self.versions.uv}"):
                self.cache.build(folder, fill)
        return folder / "bin/uv"


def select(lock: str, names: Collection[str]) -> str:
    """The entries of a lock file, each with its hashes, for the packages named."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return "".join(entry for entry in entries if re.split(r"[=\[ ]", entry, maxsplit=1)[0] in names)
