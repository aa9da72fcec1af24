"""The cache: everything that is built or run lives under one folder, keyed by version.

An entry is filled under a scratch name and then renamed, so what has its final name is whole. Locks are
`flock`s: the kernel drops them with the process, so no killed run leaves one behind.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hack.kindcluster.machine.progress import say


def cache_root(environment: Mapping[str, str]) -> Path:
    """The folder of the cache: POOLKEEPER_CACHE, or `poolkeeper` in the user's cache folder."""
    if chosen := environment.get("POOLKEEPER_CACHE"):
        return Path(chosen).absolute()
    if base := environment.get("XDG_CACHE_HOME"):
        return Path(base).absolute() / "poolkeeper"
    return Path.home() / ".cache" / "poolkeeper"


class Cache:
    """The folder of all that is built or runs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, *parts: str) -> Path:
        """A path in the cache."""
        return self.root.joinpath(*parts)

    def log(self, name: str) -> Path:
        """The log of one kind of work."""
        return self.path("logs", f"{name}.log")

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold one of the cache's locks: `build` for its entries, `engine` for what runs."""
        path = self.path("locks", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as lock_file:
            try:
                fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"    waiting for another hack/cluster that holds the {name} lock")
                fcntl.flock(lock_file, fcntl.LOCK_EX)
            yield

    def build(self, target: Path, fill: Callable[[Path], None]) -> Path:
        """Return `target`, filled first if it is not there; the caller holds the build lock."""
        if not target.exists():
            scratch = target.with_name(f"{target.name}.partial")
            discard(scratch)
            target.parent.mkdir(parents=True, exist_ok=True)
            fill(scratch)
            os.rename(scratch, target)
        return target

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """An empty folder to work in; the caller holds the build lock, so what is there was left behind."""
        path = self.path("scratch", name)
        discard(path)
        path.mkdir(parents=True)
        try:
            yield path
        finally:
            discard(path)


def discard(path: Path) -> None:
    """Remove a file or a folder that may not be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def content_key(paths: Iterable[Path], *extra: str) -> str:
    """A short key that changes whenever a file under `paths`, or one of the extra words, does."""
    digest = hashlib.sha256()
    for word in extra:
        digest.update(word.encode() + b"\0")
    for path in paths:
        for file in sorted(_files(path)):
            digest.update(str(file.relative_to(path.parent)).encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:12]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for child in path.iterdir():
        if child.name not in {"__pycache__", ".mypy_cache", ".ruff_cache"}:
            yield from _files(child)
