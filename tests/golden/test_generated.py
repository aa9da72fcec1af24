"""The files that are generated from the models and the chart, and committed, are what those say now."""

import subprocess
import sys

import pytest

from tests.golden.conftest import ROOT


@pytest.mark.parametrize(
    "script",
    ["render_deploy.py", "render_api_docs.py", "render_tuning_docs.py", "render_class_docs.py"],
)
def test_up_to_date(script: str) -> None:
    command = [sys.executable, str(ROOT / "hack" / script), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
