"""Rendered charts are compared with files; `UPDATE_GOLDEN=yes pytest tests/golden` rewrites those."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

Helm = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Runs helm with these arguments; whether it succeeded is for the test to judge."""
    tool = subprocess.run(
        [ROOT / "hack" / "cluster", "tool", "helm"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=1800,
    )

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [tool.stdout.strip(), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture
def matches_golden() -> Callable[[Path, str], None]:
    """Compares a text with a committed file, or writes the file if UPDATE_GOLDEN says so."""

    def compare(path: Path, text: str) -> None:
        if os.environ.get("UPDATE_GOLDEN") == "yes":
            path.write_text(text)
        assert path.read_text() == text

    return compare
