"""Runs kubectl and helm against one cluster, and says what failed in their own words."""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class CommandFailed(Exception):
    """A command of the demo did not succeed; the text names it and repeats what it printed."""


def run(arguments: Sequence[str], *, environment: Mapping[str, str], stdin: str | None = None) -> str:
    """The standard output of a command; raises CommandFailed with its standard error."""
    finished = subprocess.run(
        arguments, env=dict(environment), input=stdin, capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        raise CommandFailed(f"$ {shlex.join(arguments)}\n{(finished.stderr or finished.stdout).strip()}")
    return finished.stdout


@dataclass(frozen=True)
class KubectlCluster:
    """A cluster that kubectl and helm reach; `context` is None for the one that hack/cluster made."""

    context: str | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """The output of `kubectl` with these arguments."""
        chosen = ("--context", self.context) if self.context else ()
        return run(("kubectl", *chosen, *arguments), environment=self.environment, stdin=stdin)

    def helm(self, *arguments: str) -> str:
        """The output of `helm` with these arguments."""
        chosen = ("--kube-context", self.context) if self.context else ()
        return run(("helm", *chosen, *arguments), environment=self.environment)

    def get(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """One object as a dict."""
        found: dict[str, Any] = json.loads(
            self.kubectl("get", kind, name, "--namespace", namespace, "--output", "json")
        )
        return found

    def items(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        """All objects of a kind in a namespace."""
        printed = self.kubectl("get", kind, "--namespace", namespace, "--output", "json")
        found: list[dict[str, Any]] = json.loads(printed)["items"]
        return found


def kind_cluster(name: str) -> KubectlCluster:
    """The cluster that `hack/cluster up --name NAME` made, with its tools first on PATH."""
    exports = run((str(ROOT / "hack" / "cluster"), "env", "--name", name), environment=os.environ)
    environment = dict(os.environ)
    for word in shlex.split(exports.replace("export ", "")):
        variable, _, value = word.rstrip(";").partition("=")
        environment[variable] = os.path.expandvars(value)
    return KubectlCluster(environment=environment)


def existing_cluster(context: str) -> KubectlCluster:
    """A cluster of the user's own kubeconfig, reached with kubectl and helm from PATH or the cache."""
    found = run((str(ROOT / "hack" / "cluster"), "tool", "kubectl", "helm"), environment=os.environ)
    folders = [str(Path(line).parent) for line in found.split()]
    environment = {**os.environ, "PATH": os.pathsep.join([*folders, os.environ.get("PATH", "")])}
    return KubectlCluster(context=context, environment=environment)
