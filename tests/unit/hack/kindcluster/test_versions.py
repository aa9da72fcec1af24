import re

import pytest

from hack.kindcluster.build import gobinaries, tools
from hack.kindcluster.machine.versions import Versions, parse_version

PINNED = Versions.load()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.37.2", (1, 37, 2)),
        ("kind v0.33.0 go1.26.8 linux/amd64", (0, 33, 0)),
        ("go version go1.26 linux/amd64", (1, 26, 0)),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", (7, 0, 15)),
        ("v1.32.4-dispatcher", (1, 32, 4)),
    ],
)
def test_a_version_is_read_from_what_a_tool_says(text: str, expected: tuple[int, int, int]) -> None:
    assert expected == parse_version(text)


def test_a_text_without_a_version_is_refused() -> None:
    with pytest.raises(ValueError, match="no version number in 'unknown'"):
        parse_version("unknown")


def test_go_mod_requires_the_pinned_versions() -> None:
    required = dict(re.findall(r"^\t(\S+) (v\S+)", (gobinaries.SOURCE / "go.mod").read_text(), re.MULTILINE))

    assert PINNED.go_modules == {module: required[module] for module in PINNED.go_modules}


def test_every_binary_comes_from_a_pinned_module() -> None:
    own = "poolkeeper/gobuild"

    assert [
        package
        for package in gobinaries.PACKAGES.values()
        if not package.startswith((own, *PINNED.go_modules))
    ] == []


def test_every_tool_has_a_minimum_version() -> None:
    assert set(tools.NAMES) | {"go"} == set(PINNED.minimum)
