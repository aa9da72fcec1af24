"""The benchmarks by name, with what each measures in one line.

A benchmark is a module in the folder of its subject: `http.faults` is hack/bench/http/faults.py. Its line
is the first one of its docstring. Modules are read, not imported, so that the list needs no numpy.
"""

import ast
from pathlib import Path

FOLDER = Path(__file__).parent


def summaries() -> dict[str, str]:
    """The line for each benchmark, by its name and in the order of the names."""
    files = sorted(path for path in FOLDER.glob("*/*.py") if path.name != "__init__.py")
    return {f"{path.parent.name}.{path.stem}": _first_line(path) for path in files}


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
