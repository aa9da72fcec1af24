"""Bars on standard error that show how far long work is; only where it is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

LARGE_BYTES = 4_000_000
"""Smaller files are read before a bar could be read."""


@contextmanager
def reading() -> Iterator[Callable[[BinaryIO, int, str], BinaryIO]]:
    """Given a file, its size in bytes and its name, returns the file with a bar that follows its reading."""
    with _bars() as bars:

        def watched(file: BinaryIO, size: int, name: str) -> BinaryIO:
            is_large = size >= LARGE_BYTES
            return bars.wrap_file(file, size, description=f"reading {name}") if is_large else file

        yield watched


@contextmanager
def replaying() -> Iterator[Callable[[int, int], None]]:
    """A bar of how many replays are done, and how many there are."""
    with _bars() as bars:
        task = bars.add_task("replaying", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _bars() -> Progress:
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
