"""`operator/` is a source root, never a package: the standard library has an `operator` of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("folder", [ROOT, ROOT / "tests", ROOT / "operator"])
def test_the_standard_library_operator_is_not_shadowed(folder: Path) -> None:
    program = "import operator; print(operator.attrgetter('real')(3), operator.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    value, location = found.stdout.split(maxsplit=1)
    assert value == "3"
    assert not Path(location.strip()).is_relative_to(ROOT / "operator")


def test_operator_is_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
