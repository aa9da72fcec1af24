#!/usr/bin/env python3
"""Writes docs/classes: a page for each class of the catalogue, and their index; `--check` only says whether
they are out of date."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from hack.class_pages.page import pages  # noqa: E402

FOLDER = ROOT / "docs" / "classes"


def main() -> int:
    """Writes the pages, or with --check says whether they are current; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a page is out of date")
    check = parser.parse_args().check
    wanted = pages()
    outdated = [name for name, text in wanted.items() if _text(FOLDER / name) != text]
    strays = [path for path in FOLDER.glob("*.md") if path.name not in wanted]
    if check:
        for name in [*outdated, *(path.name for path in strays)]:
            sys.stderr.write(f"docs/classes/{name} is out of date: run `make generate`\n")
        return 1 if outdated or strays else 0
    FOLDER.mkdir(exist_ok=True)
    for name in outdated:
        (FOLDER / name).write_text(wanted[name])
    for path in strays:
        path.unlink()
    return 0


def _text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
