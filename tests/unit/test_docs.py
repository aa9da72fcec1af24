"""The pages name files, headings, modules, reasons and conditions that exist, so none of them goes stale."""

import re
from argparse import ArgumentParser
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from hack.bench.catalogue import summaries
from poolkeeper.activator.net.refusals import Cause
from poolkeeper.commands.controller import add_arguments
from poolkeeper.controller.reporting.conditions import ConditionType
from poolkeeper.core.values.decision import Reason

ROOT = Path(__file__).resolve().parents[2]
CODE = ROOT / "operator" / "poolkeeper"
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
PATH = re.compile(r"(?<![\w./:-])((?:[\w-]+/)+[\w.-]*)")
VERDICT = re.compile(r'Verdict\(\s*(?:holds=)?(?:True|False|None),\s*(?:reason=)?"(\w+)"')
ADVICE = re.compile(r'(?:Advice|ServiceUnsuitable)\(\s*"(\w+)"')
BENCHMARKS = {"NAME", *summaries()}
BENCHMARK = re.compile(r"python -m hack\.bench ([\w.]+)")


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def paths(page: Path) -> Iterator[str]:
    """What looks like a path of this repository: from its root, or from the package that all code is in."""
    rooms = {folder.name for parent in (ROOT, CODE) for folder in parent.iterdir() if folder.is_dir()}
    for code in re.findall(r"`([^`\n]+)`", prose(page)):
        if not code.startswith("kubectl"):
            yield from (path for path in PATH.findall(code) if path.partition("/")[0] in rooms)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target, anchor in LINK.findall(prose(page)):
        file = (page.parent / target).resolve() if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(f"{target}#{anchor}")

    assert dead == []


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()

    assert [name for name in NAMES if name.count("/") == 1 and f"({name})" not in readme] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_paths_exist(page: Path) -> None:
    assert [path for path in paths(page) if not ((ROOT / path).exists() or (CODE / path).exists())] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_benchmarks_exist(page: Path) -> None:
    assert set(BENCHMARK.findall(page.read_text())) <= BENCHMARKS


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "decisions"], ids=str)
def test_every_decision_is_in_the_index(page: Path) -> None:
    assert page.name == "README.md" or f"({page.name})" in (page.parent / "README.md").read_text()


@pytest.mark.parametrize("word", [*Reason, *ConditionType])
def test_operations_explains_every_reason_and_condition(word: StrEnum) -> None:
    assert f"`{word.value}`" in (ROOT / "docs" / "operations.md").read_text()


def test_operations_explains_every_reason_of_a_condition() -> None:
    code = "\n".join(path.read_text() for path in CODE.rglob("*.py"))
    words = {*VERDICT.findall(code), *ADVICE.findall(code)}

    assert {
        word for word in words if f"`{word}`" not in (ROOT / "docs" / "operations.md").read_text()
    } == set()


def test_operations_lists_every_flag_of_the_controller() -> None:
    parser = ArgumentParser(add_help=False)
    add_arguments(parser)
    page = (ROOT / "docs" / "operations.md").read_text()

    assert [
        flag
        for flag in parser.format_usage().split()
        if flag.startswith("[--") and flag.strip("[]") not in page
    ] == []


def test_operations_lists_every_metric() -> None:
    code = "\n".join(path.read_text() for path in (CODE / "controller").rglob("*.py"))
    page = (ROOT / "docs" / "operations.md").read_text()

    assert {name for name in re.findall(r'"(poolkeeper_\w+)"', code) if name not in page} == set()


def test_http_explains_every_cause_of_a_refusal() -> None:
    page = (ROOT / "docs" / "http.md").read_text()

    assert [cause.value for cause in Cause if f"| `{cause.value}` |" not in page] == []


def test_the_glossary_names_code_that_exists() -> None:
    rows = re.findall(r"^\|.*\| *([^|]*) *\|$", (ROOT / "docs" / "glossary.md").read_text(), re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`([A-Za-z]\w+(?:\.\w+)?)`", row)}
    code = "\n".join(path.read_text() for path in [*CODE.rglob("*.py"), *(ROOT / "crds").iterdir()])

    assert {
        name for name in names if not all(re.search(rf"\b{part}\b", code) for part in name.split("."))
    } == set()


def test_architecture_names_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = [room.parent.relative_to(CODE) for room in CODE.glob("*/**/__init__.py")]

    assert [str(room) for room in rooms if room.name not in page] == []


def test_architecture_says_what_each_room_imports() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \|.*\|(.*)\|$", page, re.MULTILINE)
    said = {room: set(re.findall(r"`(\w+)`", imports)) for room, imports in rows}

    modules = {path.stem for path in CODE.iterdir() if not path.stem.startswith("_")} - {"cli", "py"}
    assert {room: imported_by(room) for room in modules} == said


def imported_by(room: str) -> set[str]:
    """Rooms that a room imports from, itself aside."""
    files = [*(CODE / room).rglob("*.py"), *CODE.glob(f"{room}.py")]
    found = (re.findall(r"^\s*from poolkeeper\.(\w+)", file.read_text(), re.MULTILINE) for file in files)
    return {name for names in found for name in names} - {room}
