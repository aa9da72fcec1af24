import multiprocessing
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from hack.kindcluster.machine.cache import Cache, cache_root, content_key


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"POOLKEEPER_CACHE": "/c", "XDG_CACHE_HOME": "/x"}, Path("/c")),
        ({"XDG_CACHE_HOME": "/x"}, Path("/x/poolkeeper")),
        ({"POOLKEEPER_CACHE": ""}, Path.home() / ".cache/poolkeeper"),
    ],
)
def test_where_the_cache_is(environment: Mapping[str, str], expected: Path) -> None:
    assert expected == cache_root(environment)


def test_an_entry_is_built_once(tmp_path: Path) -> None:
    built: list[Path] = []

    def fill(scratch: Path) -> None:
        built.append(scratch)
        scratch.write_text("whole")

    for _ in range(2):
        assert Cache(tmp_path).build(tmp_path / "entries/one", fill).read_text() == "whole"

    assert len(built) == 1


def test_a_build_that_fails_leaves_no_entry_and_the_next_starts_afresh(tmp_path: Path) -> None:
    target = tmp_path / "entry"

    def fail(scratch: Path) -> None:
        scratch.mkdir()
        (scratch / "half").touch()
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        Cache(tmp_path).build(target, fail)
    assert not target.exists()

    Cache(tmp_path).build(target, lambda scratch: scratch.mkdir())
    assert list(target.iterdir()) == []


def test_a_scratch_folder_is_empty_whatever_was_left_in_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    left = cache.path("scratch", "image", "left-behind")
    left.mkdir(parents=True)

    with cache.scratch("image") as folder:
        assert list(folder.iterdir()) == []
    assert not folder.exists()


def hold_lock_and_be_killed(root: Path) -> None:
    with Cache(root).lock("build"):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_holder_frees_its_lock(tmp_path: Path) -> None:
    holder = multiprocessing.get_context("spawn").Process(target=hold_lock_and_be_killed, args=(tmp_path,))
    holder.start()
    holder.join()

    with Cache(tmp_path).lock("build"):
        assert holder.exitcode == -9


def test_the_key_follows_content_and_names_but_not_bytecode(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "__pycache__").mkdir(parents=True)
    (tree / "a.py").write_text("1")
    before = content_key([tree], "v1")

    (tree / "__pycache__/a.pyc").write_text("bytecode")
    assert before == content_key([tree], "v1")
    assert before != content_key([tree], "v2")

    (tree / "a.py").rename(tree / "b.py")
    renamed = content_key([tree], "v1")
    (tree / "b.py").write_text("2")
    assert len({before, renamed, content_key([tree], "v1")}) == 3
