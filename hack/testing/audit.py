"""What a service account asked of an API server: the audit log that the API server writes itself."""

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


class AuditLog:
    """The requests of service accounts; other users leave no trace."""

    def __init__(self, folder: Path) -> None:
        self._policy, self._log = folder / "audit-policy.yaml", folder / "audit.log"
        self._policy.write_text(yaml.safe_dump(POLICY))

    @property
    def flags(self) -> Sequence[str]:
        """What makes kube-apiserver write it."""
        return (f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}")

    def requests(self) -> list[str]:
        """Verb and path of each answered request, in order: `get /api/v1/pods`. A watch that ends counts once
        more."""
        events = (json.loads(line) for line in self._log.read_text().splitlines())
        return [f"{event['verb']} {event['requestURI'].partition('?')[0]}" for event in events]
