"""A status of the version before, on an API server: kept when the CRD is upgraded, replaced in one write."""

import json
from copy import deepcopy
from typing import Any

import pytest
import yaml

from hack.testing.control_plane import ROOT
from hack.testing.waiting import eventually
from poolkeeper.api.past_decision import PastDecision
from poolkeeper.controller.pool.history import History
from poolkeeper.core.learning.saved import restore, save
from tests.integration.api.conftest import Kubectl, Refused
from tests.integration.api.specs import POOL
from tests.unit.core.strategies import T0, spec_of

GROUP = "upgraded.test"
"""A group of its own, so that other tests keep their CRD."""
POOLS = f"acceleratorpools.{GROUP}"
LEARNED = json.loads((ROOT / "tests" / "unit" / "core" / "learning" / "saved_version_1.json").read_text())
DECISION = {
    "replicas": 1,
    "reason": "StartAtOnce",
    "message": "3 requests wait",
    "at": "2026-01-01T00:00:00Z",
    "reviewAt": "2026-01-01T00:01:00Z",
    "queued": 3,
    "inFlight": 0,
    "ready": 0,
    "starting": 0,
}
CONDITION = {
    "type": "Conflict",
    "status": "False",
    "reason": "NoOtherWriter",
    "message": "nobody else writes",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 1,
}
OLD: dict[str, Any] = {
    "observedGeneration": 1,
    "decision": {key: DECISION[key] for key in ("replicas", "reason", "message", "at")},
    "decisions": [DECISION],
    "learned": LEARNED,
    "conditions": [CONDITION],
}
LINE = "2026-01-01T00:00:00Z 1 StartAtOnce (queued 3): 3 requests wait"


def new_crd() -> dict[str, Any]:
    crd: dict[str, Any] = yaml.safe_load((ROOT / "crds" / "acceleratorpools.yaml").read_text())
    crd["metadata"]["name"] = POOLS
    crd["spec"]["group"] = GROUP
    return crd


def old_crd() -> dict[str, Any]:
    """As the version before had it."""
    crd = deepcopy(new_crd())
    (version,) = crd["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    status["learned"] = anything
    status["decisions"]["items"] = anything
    status["decision"]["properties"]["at"] = {"type": "string", "maxLength": 64}
    status["decision"]["required"].append("at")
    return crd


@pytest.fixture
def upgraded(kubectl: Kubectl) -> Any:
    """kubectl beside a pool with a status of the version before, after the upgrade of the CRD."""
    kubectl("create", "--filename=-", manifest=old_crd())
    kubectl("wait", "crd", POOLS, "--for=condition=Established", "--timeout=20s")
    manifest = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "AcceleratorPool", "spec": POOL}
    kubectl("create", "--filename=-", manifest={**manifest, "metadata": {"name": "old"}})
    write(kubectl, OLD)
    kubectl("replace", "--filename=-", manifest=new_crd())
    yield kubectl
    kubectl("delete", "crd", POOLS)


def write(kubectl: Kubectl, status: dict[str, Any], *flags: str) -> None:
    """Replaces the whole status, as the operator does."""
    patch = json.dumps([{"op": "add", "path": "/status", "value": status}])
    kubectl("patch", POOLS, "old", "--subresource=status", "--type=json", f"--patch={patch}", *flags)


def stored(kubectl: Kubectl) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(kubectl("get", POOLS, "old", "--output=json"))["status"]
    return status


async def is_served(kubectl: Kubectl, status: dict[str, Any]) -> None:
    """Waits until the new schema is in force: the old one refuses the new form."""

    async def accepts() -> bool:
        try:
            write(kubectl, status, "--dry-run=server")
        except Refused:
            return False
        return True

    await eventually(accepts, "the new CRD is served", 30)


async def test_a_status_of_the_version_before_is_kept_read_and_replaced(upgraded: Kubectl) -> None:
    state = restore(LEARNED, T0, spec_of())
    new = {"learned": save(state), "decisions": [LINE], "observedGeneration": 1, "conditions": []}
    await is_served(upgraded, new)

    status = stored(upgraded)
    assert status["learned"] == LEARNED
    assert status["decisions"] == [DECISION]
    (record,) = History.from_status(status).records
    assert record == PastDecision.model_validate(LINE)

    budget = json.dumps({"spec": {"coldStart": {"budgetSeconds": 61}}})
    upgraded("patch", POOLS, "old", "--type=merge", f"--patch={budget}")
    assert stored(upgraded)["learned"] == LEARNED, "a user's edit is accepted and loses nothing"

    write(upgraded, new)
    assert stored(upgraded) == new
    assert save(restore(stored(upgraded)["learned"], T0, spec_of())) == new["learned"]


async def test_a_status_longer_than_its_bounds_is_refused(upgraded: Kubectl) -> None:
    await is_served(upgraded, {"learned": "x" * 4096, "decisions": [LINE] * 20})
    for status in ({"learned": "x" * 4097}, {"decisions": ["x" * 257]}, {"decisions": [LINE] * 21}):
        with pytest.raises(Refused, match=r"Too (long|many)"):
            write(upgraded, status)
