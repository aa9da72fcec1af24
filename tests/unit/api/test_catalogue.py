"""The catalogue that comes with the operator: complete, valid, a source and a date for every figure."""

from typing import Any

import pytest
import yaml

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.catalogue import catalogue, notes

CLASSES = {manifest["metadata"]["name"]: manifest["spec"] for manifest in catalogue()}
NAMED_BY_US = {"vendor", "displayName", "sources", "prices"}

WHOLE = {
    *("nvidia-t4", "nvidia-a10g", "nvidia-l4", "nvidia-l40s", "nvidia-rtx-pro-6000"),
    *("nvidia-a100-40gb", "nvidia-a100-80gb", "nvidia-h100", "nvidia-h100-pcie", "nvidia-h200"),
    *("nvidia-b200", "nvidia-b300", "nvidia-gb200"),
    *("google-tpu-v4", "google-tpu-v5e", "google-tpu-v5p", "google-tpu-v6e"),
    *("google-tpu-7x", "google-tpu-8i", "google-tpu-8t"),
    *("aws-inferentia2", "aws-trainium", "aws-trainium2", "aws-trainium3", "aws-trainium4"),
    *("amd-mi300x", "amd-mi325x", "amd-mi350x", "amd-mi355x"),
    *("intel-gaudi2", "intel-gaudi3"),
    *("aws-graviton", "cpu"),
}
PARTS = {name: spec for name, spec in CLASSES.items() if "partOf" in spec}


def test_holds_the_promised_classes() -> None:
    assert set(CLASSES) - set(PARTS) == WHOLE


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_a_class_of_its_own_with_a_share_of_the_whole(name: str) -> None:
    spec, whole = (AcceleratorClassSpec.model_validate(CLASSES[each]) for each in (name, whole_of(name)))
    assert whole.part_of is None
    assert spec.part_of is not None
    assert spec.resource_name != whole.resource_name
    assert spec.resource_name in {"nvidia.com/gpu.shared", f"nvidia.com/mig-{spec.part_of.profile}"}
    assert (spec.prices, spec.watts_per_chip, spec.taints) == ((), None, whole.taints)


@pytest.mark.parametrize("name", [name for name, spec in PARTS.items() if "MIG" in spec["displayName"]])
def test_the_slices_of_a_gpu_fit_in_its_memory(name: str) -> None:
    memory, whole = PARTS[name]["memoryGiBPerChip"], CLASSES[whole_of(name)]["memoryGiBPerChip"]
    rounded_up = PARTS[name]["partOf"]["partsPerChip"]
    assert memory * PARTS[name]["partOf"]["partsPerChip"] <= whole + rounded_up


def whole_of(name: str) -> str:
    return str(PARTS[name]["partOf"]["class"])


def test_every_note_belongs_to_a_class() -> None:
    assert notes()
    assert set(notes()) <= set(CLASSES)


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
    spec = AcceleratorClassSpec.model_validate(CLASSES[name])
    chips_per_host = {machine.name: machine.chips for machine in spec.machine_types}
    for slice_ in spec.slices:
        assert slice_.chips == slice_.hosts * chips_per_host[slice_.machine_type or ""]
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
        if field in ("nodeLabels", "taints", "machineTypes", "resourceParts"):
            found += [f"{field}[{item.get('key') or item['name']}]" for item in value]
        else:
            found.append(field)
    return found
