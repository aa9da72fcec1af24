"""An API server that knows our kinds, asked the way a user asks it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hack.testing.control_plane import ControlPlane, tools


class Refused(Exception):
    """The API server did not accept an object; the text is what kubectl prints."""


class Kubectl:
    """Runs kubectl against one API server."""

    def __init__(self, binary: str, kubeconfig: Path) -> None:
        self._command = [binary, f"--kubeconfig={kubeconfig}"]

    def __call__(self, *arguments: str, manifest: dict[str, Any] | None = None) -> str:
        """What kubectl prints. Raises Refused."""
        done = subprocess.run(
            [*self._command, *arguments],
            input=json.dumps(manifest) if manifest else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout

    def admit(self, kind: str, spec: dict[str, Any], name: str = "some") -> dict[str, Any]:
        """The spec as the API server would store it; nothing is stored. Raises Refused."""
        manifest = {"apiVersion": "poolkeeper.dev/v1alpha1", "kind": kind, "spec": spec}
        manifest["metadata"] = {"name": name}
        stored = self("create", "--dry-run=server", "--output=json", "--filename=-", manifest=manifest)
        return dict(json.loads(stored)["spec"])


@pytest.fixture(scope="session")
def kubectl(api_server: ControlPlane, crds: None) -> Kubectl:
    """kubectl as the admin of an API server that knows our kinds."""
    (binary,) = tools("kubectl")
    return Kubectl(binary, api_server.kubeconfig())
