from pathlib import Path

import pytest

from hack.kindcluster.build.gobinaries import GoBinaries
from hack.kindcluster.build.tools import Tools
from hack.kindcluster.machine.cache import Cache
from hack.kindcluster.machine.debian import Debian
from hack.kindcluster.machine.errors import ClusterError
from hack.kindcluster.machine.progress import Counter
from hack.kindcluster.machine.versions import Versions
from hack.testing.clocks import ManualClock
from tests.unit.hack.conftest import Program


@pytest.fixture
def toolbox(tmp_path: Path) -> Tools:
    cache, versions = Cache(tmp_path / "c"), Versions.load()
    return Tools(
        versions, GoBinaries(cache, versions), Debian(cache, may_install=False, is_debian=True, is_root=True)
    )


@pytest.mark.parametrize(
    ("name", "says", "taken"),
    [
        ("kubectl", "clientVersion:\\n  buildDate: 2020-01-01\\n  gitVersion: v1.37.0", True),
        ("kubectl", "clientVersion:\\n  gitVersion: v1.32.4-dispatcher", False),
        ("kind", "kind v0.33.0 go1.26.8 linux/amd64", True),
        ("kind", "kind v0.20.0 go1.20 linux/amd64", False),
        ("helm", "v4.3.1", True),
        ("etcd", "etcd Version: 3.4.23\\nGit SHA: x", False),
        ("helm", "an unknown version", False),
    ],
)
def test_a_tool_on_path_is_taken_when_new_enough(
    toolbox: Tools, program: Program, name: str, says: str, taken: bool
) -> None:
    program(name, f"printf '{says}'")

    assert taken == (toolbox.at_hand(name) is not None)


def test_a_built_tool_comes_first(toolbox: Tools, program: Program) -> None:
    program("kubectl", "printf 'gitVersion: v1.99.0'")
    built = toolbox.binaries.folder / "kubectl"
    built.parent.mkdir(parents=True)
    built.touch()

    assert toolbox.path("kubectl") == built


def test_an_unknown_tool_is_refused_with_those_that_exist(toolbox: Tools) -> None:
    with pytest.raises(ClusterError, match="no such tool: hammer; there are etcd, helm, kind,"):
        toolbox.paths(["kubectl", "hammer"])


def test_without_go_it_says_what_to_install(toolbox: Tools, program: Program) -> None:
    program("kubectl", "printf 'gitVersion: v1.37.0'")

    with pytest.raises(ClusterError, match=r"install helm \(at least .*\), kind \(at least .*\) .* or Go"):
        toolbox.require_obtainable(["helm", "kind", "kubectl"])


def test_a_go_that_fetches_its_own_successor_will_do(toolbox: Tools, program: Program) -> None:
    program("go", "echo go version go1.22.1 linux/amd64")

    toolbox.require_obtainable(["helm", "kind", "kubectl"])


def test_progress_in_a_log_is_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = ManualClock(1000.0)
    counter = Counter("packages", 400, clock)

    for _ in range(200):
        clock.now += 1
        counter.advance()
    counter.close()

    assert capsys.readouterr().err.splitlines() == [
        "    60 of about 400 packages, 1 min 0 s",
        "    120 of about 400 packages, 2 min 0 s",
        "    180 of about 400 packages, 3 min 0 s",
    ]


def test_modules_that_do_not_come_are_asked_for_again(tmp_path: Path, program: Program) -> None:
    asked = tmp_path / "asked"
    hangs = f'echo once >> {asked}; test "$(wc -l < {asked})" -gt 1 || exec sleep 60'
    program("go", f'case "$1" in version) echo go version go1.99.0;; mod) {hangs};; *) echo /modules;; esac')

    binaries = GoBinaries(Cache(tmp_path / "c"), Versions.load(), download_seconds=0.5)
    assert binaries.module_folder("k8s.io/x") == Path("/modules")
    assert asked.read_text() == "once\nonce\n"
