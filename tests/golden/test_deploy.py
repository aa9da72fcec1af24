"""The files that are rendered from the chart and committed are what the chart says now."""

import subprocess
import sys

from tests.golden.conftest import ROOT


def test_deploy_and_the_charts_crds_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "hack" / "render_deploy.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
