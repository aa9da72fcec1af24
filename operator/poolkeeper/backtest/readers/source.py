"""A trace file as text from its beginning: plain or compressed, named or standard input, any size."""

import gzip
import io
import os
import shutil
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, TextIO

from poolkeeper.backtest.traces.trace import TraceError

STANDARD_INPUT = "-"
"""The path that stands for standard input."""
ITS_NAME = "standard input"
GZIP_MAGIC = b"\x1f\x8b"
"""The first two bytes of every gzip file (RFC 1952, section 2.3.1)."""

Watch = Callable[[BinaryIO, int, str], BinaryIO]
"""Given a file, its size in bytes and its name, returns a file that shows how far it was read."""


class Source:
    """One trace file; `str()` is its name in messages.

    Standard input can be read only once, and readers read a file twice: the first line shows the format. So
    standard input is copied to a temporary file, which the system deletes when it is closed.
    """

    def __init__(self, path: Path, watch: Watch | None = None) -> None:
        """Raises TraceError where standard input is wanted and is a terminal."""
        self._path = path
        self._watch = watch
        self._copy = _copied_input() if str(path) == STANDARD_INPUT else None
        self.name = ITS_NAME if self._copy else path.name

    def __str__(self) -> str:
        return self.name if self._copy else str(self._path)

    @contextmanager
    def opened(self, *, is_watched: bool = True) -> Iterator[TextIO]:
        """The text; raises TraceError if the file can't be opened, or can't be read to its end."""
        try:
            with self._bytes() as raw, io.TextIOWrapper(
                self._unpacked(raw, is_watched), encoding="utf-8-sig", newline=""
            ) as text:  # fmt: skip
                yield text
        except UnicodeDecodeError as error:
            message = f"is not text in UTF-8; convert it: iconv -f ITS-ENCODING -t UTF-8 {self}"
            raise TraceError(self, message) from error
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise TraceError(self, f"can't be read: {reason}") from error

    def first_line(self) -> str:
        """The beginning of the first line that is not empty; raises TraceError where there is none."""
        with self.opened(is_watched=False) as text:
            while line := text.readline(65_536):
                if line.strip():
                    return line.strip()
        raise TraceError(self, "is empty")

    def _bytes(self) -> BinaryIO:
        if self._copy is None:
            return self._path.open("rb")
        self._copy.seek(0)
        return os.fdopen(os.dup(self._copy.fileno()), "rb")

    def _unpacked(self, raw: BinaryIO, is_watched: bool) -> gzip.GzipFile | io.BufferedReader:
        is_packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC or self._path.suffix == ".gz"
        raw.seek(0)
        if self._watch and is_watched:
            raw = self._watch(raw, os.fstat(raw.fileno()).st_size, self.name)
        if is_packed:
            return gzip.GzipFile(fileobj=raw)
        return io.BufferedReader(raw)  # type: ignore[arg-type]


def _copied_input() -> BinaryIO:
    if sys.stdin.isatty():
        raise TraceError(STANDARD_INPUT, "standard input is a terminal; pipe a trace into it: zcat FILE | …")
    copy = TemporaryFile()  # noqa: SIM115
    shutil.copyfileobj(sys.stdin.buffer, copy)
    return copy
