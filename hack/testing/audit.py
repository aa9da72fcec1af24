"""What a service account asked of an API server: the audit log that the API server writes itself."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


class Asked(NamedTuple):
    """One answered request. A watch counts when it begins, and once more when it ends."""

    verb: str
    """As in a Role: get, list, watch, update and so on."""
    path: str
    """Without its query."""
    user: str
    """Name of the service account, with its namespace: `poolkeeper-system:poolkeeper`."""
    status: int
    """HTTP status of the answer."""

    @property
    def resource(self) -> str:
        """What was asked for, without names: `leases`, `deployments/scale`; the path for anything else."""
        after = self.path.partition("/namespaces/")[2].split("/")[1:] or self.path.split("/")[-1:]
        return "/".join(part for place, part in enumerate(after) if place != 1)


class AuditLog:
    """The requests of service accounts; other users leave no trace."""

    def __init__(self, folder: Path) -> None:
        self._policy, self._log = folder / "audit-policy.yaml", folder / "audit.log"
        self._policy.write_text(yaml.safe_dump(POLICY))

    @property
    def flags(self) -> Sequence[str]:
        """What makes kube-apiserver write it."""
        return (f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}")

    def asked(self) -> Sequence[Asked]:
        """Each answered request, in order."""
        return [_asked(json.loads(line)) for line in self._log.read_text().splitlines()]

    def requests(self) -> list[str]:
        """Verb and path of each answered request, in order: `get /api/v1/pods`."""
        return [f"{each.verb} {each.path}" for each in self.asked()]


def _asked(event: dict[str, object]) -> Asked:
    user, status = event["user"], event.get("responseStatus")
    name = str(user["username"]) if isinstance(user, dict) else ""
    code = int(status.get("code", 0)) if isinstance(status, dict) else 0
    path = str(event["requestURI"]).partition("?")[0]
    return Asked(str(event["verb"]), path, name.removeprefix("system:serviceaccount:"), code)
