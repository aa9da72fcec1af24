import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.kindcluster.engine.engine import Engine, OwnEngine, machine_engine, mounts_under
from hack.kindcluster.machine.cache import Cache
from hack.kindcluster.machine.errors import ClusterError
from tests.unit.hack.conftest import Program

MISSING = frozenset({"CAP_SYS_RESOURCE"})


def engine_under(folder: Path, *, missing: frozenset[str] = frozenset()) -> OwnEngine:
    """An engine on a machine that lacks these capabilities."""
    return OwnEngine(Cache(folder), missing_capabilities=missing, may_start=True)


@pytest.fixture
def own(tmp_path: Path) -> OwnEngine:
    return engine_under(tmp_path / "c")


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A cache whose path is short enough for an engine's sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    ("docker", "missing", "usable"),
    [
        ("exit 0", frozenset[str](), True),
        ("exit 1", frozenset[str](), False),
        ("echo runc", MISSING, False),
        ("echo a-runtime-that-copes", MISSING, True),
    ],
    ids=[
        "answers",
        "does not answer",
        "cannot run privileged containers",
        "was prepared for that",
    ],
)
def test_the_machines_engine_is_used_if_it_can_run_a_node(
    program: Program, docker: str, missing: frozenset[str], usable: bool
) -> None:
    program("docker", docker)

    assert machine_engine(missing) == (Engine(None) if usable else None)


@pytest.mark.parametrize(
    ("docker", "image", "built"),
    [
        ('[ "$1" = pull ] && exit 1; [ "$3" = stock ]', "stock", False),
        ('[ "$1" = pull ] && exit 1; [ "$3" = own ]', "own", False),
        ('[ "$1" = pull ]', "stock", False),
        ("echo no such host >&2; exit 1", "own", True),
    ],
    ids=["stock is there", "own is there", "stock can be pulled", "nothing can be pulled"],
)
def test_own_images_are_built_only_where_nothing_can_be_pulled(
    program: Program, docker: str, image: str, built: bool
) -> None:
    program("docker", docker)
    builds: list[str] = []

    assert image == Engine(None).stock_or_own("stock", "own", lambda: builds.append("own"))
    assert built == bool(builds)


def test_our_own_engine_keeps_to_its_folder(tmp_path: Path) -> None:
    own = engine_under(tmp_path, missing=MISSING)

    own._configure()

    configuration = json.loads((own.folder / "daemon.json").read_text())
    paths = [configuration[name] for name in ("data-root", "exec-root", "pidfile")]
    paths += [host.removeprefix("unix://") for host in configuration["hosts"]]
    assert {str(own.folder)} == {path[: len(str(own.folder))] for path in paths}
    assert configuration["bridge"] == "none"
    assert configuration["iptables"] is False
    assert os.access(configuration["runtimes"]["bounded"]["path"], os.X_OK)


def test_where_no_capability_is_missing_the_engine_runs_runc_itself(own: OwnEngine) -> None:
    own._configure()

    assert "default-runtime" not in json.loads((own.folder / "daemon.json").read_text())


@pytest.mark.parametrize("content", ["", "not a number", str(os.getpid()), "999999999"])
def test_a_pid_file_that_names_no_engine_of_ours_is_cleared(own: OwnEngine, content: str) -> None:
    own.folder.mkdir(parents=True)
    own.pid_file.write_text(content)

    assert not own._running(own.pid_file)
    own._clear_stale_files()
    assert not own.pid_file.exists()


def test_an_engine_that_ends_at_once_is_reported_with_its_last_words(
    short_folder: Path, program: Program
) -> None:
    program("dockerd", "echo the disk is full; exit 1")
    program("docker", "exit 1")

    with pytest.raises(ClusterError, match=r"did not start; .*dockerd\.log ends with\n +the disk is full"):
        engine_under(short_folder).start()


def test_a_cache_path_too_long_for_sockets(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="set POOLKEEPER_CACHE to a shorter one"):
        engine_under(tmp_path / ("long" * 20)).start()


def test_mounts_are_undone_from_the_inside_out() -> None:
    mounts = """\
proc /proc proc rw 0 0
/dev/vda /c/engine/data ext4 rw 0 0
nsfs /c/engine/data/inner nsfs rw 0 0
/dev/vda /c/engine2 ext4 rw 0 0
"""

    assert mounts_under(Path("/c/engine"), mounts) == ["/c/engine/data/inner", "/c/engine/data"]
