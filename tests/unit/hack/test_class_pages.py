"""What the pages of the classes say to write is right: examples are valid, and their pods fit the class."""

import re
from typing import Any

import pytest
import yaml

from hack.class_pages.page import CLASSES, pages
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, PartKind
from poolkeeper.api.pool import AcceleratorPoolSpec
from tests.golden.conftest import ROOT
from tests.unit.advice.placement.templates import remarks

PAGES = pages()


def blocks(text: str) -> list[Any]:
    return [
        yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]


def test_every_class_has_a_page() -> None:
    assert set(PAGES) == {"README.md", *(f"{name}.md" for name in CLASSES)}
    assert all(f"({name}.md)" in PAGES["README.md"] for name in CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_the_example_of_a_pool_is_valid_and_names_the_class(name: str) -> None:
    (pool,) = (block for block in blocks(PAGES[f"{name}.md"]) if "kind" in block)
    assert AcceleratorPoolSpec.model_validate(pool["spec"]).accelerator.class_ == name


@pytest.mark.parametrize("name", [name for name, each in CLASSES.items() if each.spec.resource_name])
def test_pods_of_the_example_fit_the_class(name: str) -> None:
    (pod,) = (block for block in blocks(PAGES[f"{name}.md"]) if "containers" in block)
    assert [remark for remark in remarks(name, {"spec": pod}) if remark.holds is not True] == []


@pytest.mark.parametrize("name", CLASSES)
def test_a_page_says_what_is_unverified(name: str) -> None:
    unverified = [source.figure for source in CLASSES[name].spec.sources if not source.verified]
    assert all(f"- `{figure}`: " in PAGES[f"{name}.md"] for figure in unverified)


@pytest.mark.parametrize("name", [name for name, each in CLASSES.items() if each.spec.part_of])
def test_a_part_leads_to_its_whole_and_is_no_gpu(name: str) -> None:
    part = CLASSES[name].spec.part_of
    assert part is not None
    assert f"({part.class_}.md)" in PAGES[f"{name}.md"]
    assert "never counted as a GPU" in PAGES[f"{name}.md"]
    assert ("with the profile" in PAGES[f"{name}.md"]) == (part.kind is PartKind.MIG)


def test_the_example_of_an_own_class_is_valid() -> None:
    section = (ROOT / "docs" / "accelerators.md").read_text().partition("## A class of your own")[2]
    spec = blocks(section.partition("\n## ")[0])[0]["spec"]
    known = AcceleratorClassSpec.model_validate(spec)
    assert known.model_dump(by_alias=True, exclude_unset=True, mode="json") == spec
