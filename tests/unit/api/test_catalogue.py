"""The catalogue that comes with the operator: complete, valid, a source and a date for every figure."""

from typing import Any

import pytest
import yaml

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue

CLASSES = {manifest["metadata"]["name"]: manifest["spec"] for manifest in catalogue()}
NAMED_BY_US = {"vendor", "displayName", "sources", "prices"}

EXPECTED = {
    "nvidia-l4",
    "nvidia-a100-80gb",
    "nvidia-h100",
    "nvidia-h200",
    "nvidia-b200",
    "google-tpu-v5e",
    "google-tpu-v6e",
    "google-tpu-7x",
    "google-tpu-8i",
    "google-tpu-8t",
    "aws-trainium2",
    "aws-trainium3",
    "aws-trainium4",
    "aws-inferentia2",
    "aws-graviton",
    "cpu",
}


def test_holds_the_promised_classes() -> None:
    assert set(CLASSES) == EXPECTED


@pytest.mark.parametrize("name", CLASSES)
def test_is_valid_and_says_nothing_that_the_models_do_not_know(name: str) -> None:
    spec = AcceleratorClassSpec.model_validate(CLASSES[name])
    known = spec.model_dump(by_alias=True, mode="json", exclude_unset=True)
    assert yaml.safe_load(yaml.safe_dump(CLASSES[name])) == known


@pytest.mark.parametrize("name", CLASSES)
def test_every_figure_has_a_source_and_a_date(name: str) -> None:
    spec = CLASSES[name]
    cited = {source["figure"] for source in spec["sources"]}
    assert cited == set(figures(spec))
    assert all(entry["source"] and entry["date"] for entry in (*spec["sources"], *spec.get("prices", ())))


@pytest.mark.parametrize("name", ["google-tpu-8i", "google-tpu-8t", "aws-trainium4"])
def test_what_is_only_announced_claims_neither_nodes_nor_prices(name: str) -> None:
    spec = AcceleratorClassSpec.model_validate(CLASSES[name])
    assert spec.availability == "Announced"
    assert not any(source.verified for source in spec.sources)
    assert (spec.resource_name, spec.node_labels, spec.prices) == (None, (), ())


@pytest.mark.parametrize("name", ["google-tpu-v5e", "google-tpu-v6e", "google-tpu-7x"])
def test_slices_hold_the_chips_of_their_topology(name: str) -> None:
    for slice_ in AcceleratorClassSpec.model_validate(CLASSES[name]).slices:
        chips = 1
        for side in slice_.topology.split("x"):
            chips *= int(side)
        assert slice_.chips == chips
        assert chips % slice_.hosts == 0


def figures(spec: dict[str, Any]) -> list[str]:
    """Every fact of a class that somebody must have said."""
    found = []
    for field, value in spec.items():
        if field in NAMED_BY_US:
            continue
        if field in ("nodeLabels", "taints"):
            found += [f"{field}[{item['key']}]" for item in value]
        else:
            found.append(field)
    return found
