"""The generated CRDs: structural, bounded, known to a Kubernetes client, and the ones that are committed."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import V1CustomResourceDefinition

from poolkeeper.api.crds.generator import Kind, custom_resource_definition
from poolkeeper.api.crds.kinds import ACCELERATOR_POOL, KINDS
from poolkeeper.commands.crds import rendered_crds
from tests.unit.api.structural import violations

CRDS = Path(__file__).parents[3] / "crds"
SHOWN = ["TARGET", "CLASS", "READY", "DESIRED", "QUEUED", "COLDSTART(P95)", "BUDGET", "STATE", "AGE"]


def schema_of(kind: Kind) -> dict[str, Any]:
    (version,) = custom_resource_definition(kind)["spec"]["versions"]
    return dict(version["schema"]["openAPIV3Schema"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_schema_is_structural_and_bounded(kind: Kind) -> None:
    properties = schema_of(kind)["properties"]
    found = [
        rule for part in ("spec", "status") for rule in violations(properties.get(part, {"type": ""}), part)
    ]
    assert found == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_field_is_described(kind: Kind) -> None:
    def undescribed(schema: dict[str, Any], path: str) -> list[str]:
        fields = {**schema.get("properties", {}), **({"[]": schema["items"]} if "items" in schema else {})}
        own = [
            f"{path}.{name}" for name, field in fields.items() if name != "[]" and "description" not in field
        ]
        return own + [miss for name, field in fields.items() for miss in undescribed(field, f"{path}.{name}")]

    assert undescribed(schema_of(kind)["properties"]["spec"], "spec") == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_survives_a_client_that_knows_every_field(kind: Kind) -> None:
    """An unknown keyword would be dropped, one of the wrong type refused."""
    crd = custom_resource_definition(kind)
    model = V1CustomResourceDefinition.from_dict(crd)
    assert model is not None
    assert model.model_dump(by_alias=True, exclude_none=True, exclude_unset=True) == crd


@pytest.mark.parametrize("name", sorted(rendered_crds()))
def test_committed_file_is_what_the_models_say(name: str) -> None:
    assert (CRDS / name).read_text() == rendered_crds()[name], "run `make generate`"


def test_columns_are_the_documented_ones() -> None:
    (version,) = yaml.safe_load(rendered_crds()["acceleratorpools.yaml"])["spec"]["versions"]
    columns = [(column["name"].upper(), column["priority"]) for column in version["additionalPrinterColumns"]]
    assert [name for name, priority in columns if priority == 0] == SHOWN
    assert [name for name, priority in columns if priority] == ["SERVING"], "with kubectl get -o wide"


def test_pool_has_a_short_name_a_category_and_a_status_of_its_own() -> None:
    crd = custom_resource_definition(ACCELERATOR_POOL)
    assert crd["spec"]["names"]["shortNames"] == ["apool"]
    assert crd["spec"]["names"]["categories"] == ["poolkeeper"]
    assert crd["spec"]["versions"][0]["subresources"] == {"status": {}}
