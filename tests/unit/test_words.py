"""Plain words: turns that a reader has to stop at are in no page, message, docstring, comment or name."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"operator": "*.py", "docs": "*.md", "charts": "*.yaml"}
FILES = [
    ROOT / "README.md",
    *(file for folder, kind in FOLDERS.items() for file in (ROOT / folder).rglob(kind)),
]
TURNS = {
    "told": "say who sends what to whom",
    "tells": "says, sends, shows",
    r"(?:go|goes|gone|going|went) by": "use, follow",
    r"reckon\w*": "expect, estimate, count",
    "anew": "again",
    "whoever": "who, or a noun",
    "lest": "so that ... not",
    "nobody else": "no other NOUN",
    r"foretell\w*|foretold": "predict",
    "by then": "at that time",
    r"(?:is|are|was|were) to be": "should be, must be",
}


@pytest.mark.parametrize(("turn", "instead"), TURNS.items(), ids=TURNS)
def test_plain_words(turn: str, instead: str) -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(rf"\b(?:{turn})\b", line, re.IGNORECASE)
    ]

    assert found == [], f"instead of this turn: {instead}"


TEXTS = {file: file.read_text() for file in FILES}
