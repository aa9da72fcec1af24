"""Who may import whom outside of the product, whose own rooms pyproject.toml holds."""

import ast
from collections.abc import Iterator
from pathlib import Path

from hack.testing.control_plane import ROOT


def files(folder: str, pattern: str) -> dict[str, list[str]]:
    """What each Python file of a folder imports: modules, and the names that it takes from them, dotted."""
    return {str(path.relative_to(ROOT)): list(imported(path)) for path in (ROOT / folder).rglob(pattern)}


def imported(path: Path) -> Iterator[str]:
    """The names that one file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_hack_imports_nothing_from_tests() -> None:
    """Tests and benchmarks share hack/testing."""
    offenders = [
        file for file, names in files("hack", "*.py").items() for name in names if name.startswith("tests.")
    ]
    assert offenders == []


def test_no_test_file_imports_another() -> None:
    """What several of them need lies in a module beside them, named by what it holds."""
    offenders = [file for file, names in files("tests", "*.py").items() for name in names if ".test_" in name]
    assert offenders == []
