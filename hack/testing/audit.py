"""What a service account asked of an API server: the audit log that the API server writes itself."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import yaml

ACCOUNTS = "system:serviceaccount:"
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Request",
            "verbs": ["create", "patch", "delete"],
            "resources": [{"group": "", "resources": ["pods", "pods/status"]}],
        },
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
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


class PodLife(NamedTuple):
    """One pod, in Unix seconds of the API server's clock; None for what did not happen."""

    scheduled_at: float | None = None
    ready_at: float | None = None
    gone_at: float | None = None


class AuditLog:
    """The requests of service accounts, and everybody's writes of pods; nothing else leaves a trace."""

    def __init__(self, folder: Path) -> None:
        self._policy, self._log = folder / "audit-policy.yaml", folder / "audit.log"
        self._policy.write_text(yaml.safe_dump(POLICY))

    @property
    def flags(self) -> Sequence[str]:
        """What makes kube-apiserver write it."""
        return (f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}")

    def asked(self) -> Sequence[Asked]:
        """Each answered request of a service account, in order."""
        return [_asked(each) for each in self._events() if _user(each).startswith(ACCOUNTS)]

    def pods(self, namespace: str) -> Sequence[PodLife]:
        """The lives of the pods of a namespace, as their writers have asked for them."""
        lives: dict[str, PodLife] = {}
        for event in self._events():
            found = event.get("objectRef")
            if not isinstance(found, dict) or found.get("resource") != "pods":
                continue
            if found.get("namespace") == namespace and event["verb"] != "create":
                name, at = str(found.get("name")), _at(str(event["stageTimestamp"]))
                lives[name] = _lived(lives.get(name, PodLife()), event, at)
        return list(lives.values())

    def _events(self) -> Sequence[dict[str, object]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def requests(self) -> list[str]:
        """Verb and path of each answered request of a service account, in order: `get /api/v1/pods`."""
        return [f"{each.verb} {each.path}" for each in self.asked()]


def _lived(life: PodLife, event: Mapping[str, object], at: float) -> PodLife:
    """The life after one more write: a node, readiness, or the end."""
    if event["verb"] == "delete":
        return life._replace(gone_at=at)
    body = event.get("requestObject")
    status = body.get("status") if isinstance(body, dict) else None
    conditions = status.get("conditions") if isinstance(status, dict) else None
    kinds = {each.get("type") for each in conditions or () if each.get("status") == "True"}
    if "PodScheduled" in kinds and life.scheduled_at is None:
        life = life._replace(scheduled_at=at)
    if "Ready" in kinds and life.ready_at is None:
        life = life._replace(ready_at=at)
    return life


def _at(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()


def _user(event: Mapping[str, object]) -> str:
    user = event["user"]
    return str(user["username"]) if isinstance(user, dict) else ""


def _asked(event: dict[str, object]) -> Asked:
    name, status = _user(event), event.get("responseStatus")
    code = int(status.get("code", 0)) if isinstance(status, dict) else 0
    path = str(event["requestURI"]).partition("?")[0]
    return Asked(str(event["verb"]), path, name.removeprefix(ACCOUNTS), code)
