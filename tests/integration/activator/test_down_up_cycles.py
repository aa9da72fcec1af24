"""Every kind of fault once, across two down-up cycles, with clients that see endpoints late or at once."""

import os
import subprocess
import sys
from pathlib import Path

from hack.testing.control_plane import ROOT, tools

REQUESTS, CYCLES, FAULTS_PER_CYCLE = 600, 2, 3
LONGEST_SECONDS = 240


def test_no_request_is_lost_or_executed_twice_while_parts_are_stopped_and_killed(tmp_path: Path) -> None:
    tools("kube-apiserver", "etcd")  # to build them takes longer than the run may
    logs = tmp_path / "logs"
    command = [
        sys.executable,
        "-m",
        "hack.bench",
        "http.faults",
        f"--requests={REQUESTS}",
        f"--cycles={CYCLES}",
    ]
    run = subprocess.run(
        [*command, f"--faults={FAULTS_PER_CYCLE}", "--minutes=3", f"--keep-logs={logs}"],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    said = f"{run.stdout}\n{run.stderr[-4000:]}\nlogs: {logs}"
    assert run.returncode == 0, said
    assert f"{CYCLES} cycles in" in run.stdout, said
    for fault in (
        "activator rolled",
        "model pod evicted",
        "controller restarted",
        "with it an activator",
        "activator killed",
        "model pod killed",
    ):
        assert fault in run.stdout, said
