"""The kubectl plugin, with something in kubectl's place that only says how it was called."""

import os
import subprocess
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[3] / "hack" / "kubectl-poolkeeper"
RELEASE = {"POOLKEEPER_NAMESPACE": "ops", "POOLKEEPER_DEPLOYMENT": "mine"}


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({}, ["--namespace=poolkeeper-system", "--container=controller", "deployment/poolkeeper"]),
        (RELEASE, ["--namespace=ops", "--container=controller", "deployment/mine"]),
    ],
    ids=["the chart's own names", "another release"],
)
def test_a_command_runs_in_the_operators_pod(
    tmp_path: Path, environment: dict[str, str], place: list[str]
) -> None:
    (tmp_path / "kubectl").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 3\n')
    (tmp_path / "kubectl").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        [PLUGIN, "explain", "serving/chat"],
        env={"PATH": path, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["exec", *place, "--", "poolkeeper", "explain", "serving/chat"]
    assert done.returncode == 3
