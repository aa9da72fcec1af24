import json
from pathlib import Path
from typing import Any

import pytest

from hack.kindcluster.engine.bounded_runtime import CAPABILITIES, main, missing_capabilities, option, restrict

MISSING = frozenset({"CAP_SYS_RESOURCE"})
ALL = (1 << len(CAPABILITIES)) - 1
SYS_RESOURCE = 1 << CAPABILITIES.index("SYS_RESOURCE")


def proc(folder: Path, *, bounding: int, last: int = len(CAPABILITIES) - 1) -> Path:
    (folder / "self").mkdir()
    (folder / "self/status").write_text(f"Name:\tpython3\nCapBnd:\t{bounding:016x}\nCapAmb:\t0\n")
    (folder / "sys/kernel").mkdir(parents=True)
    (folder / "sys/kernel/cap_last_cap").write_text(f"{last}\n")
    return folder


def process() -> dict[str, Any]:
    names = ["CAP_CHOWN", "CAP_SYS_RESOURCE"]
    return {"args": ["true"], "capabilities": {"bounding": names, "effective": names}, "oomScoreAdj": -500}


@pytest.mark.parametrize(("bounding", "expected"), [(ALL, frozenset()), (ALL & ~SYS_RESOURCE, MISSING)])
def test_the_bounding_set_tells_what_is_missing(
    tmp_path: Path, bounding: int, expected: frozenset[str]
) -> None:
    assert expected == missing_capabilities(proc(tmp_path, bounding=bounding))


def test_a_capability_that_the_kernel_does_not_know_is_not_missing(tmp_path: Path) -> None:
    known = CAPABILITIES.index("PERFMON")

    assert frozenset() == missing_capabilities(proc(tmp_path, bounding=(1 << known) - 1, last=known - 1))


def test_what_the_machine_cannot_grant_is_taken_out() -> None:
    document = process()

    restrict(document, MISSING)

    assert document == {
        "args": ["true"],
        "capabilities": {"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"]},
    }


def test_a_raised_oom_score_is_kept() -> None:
    document: dict[str, Any] = {"oomScoreAdj": 1000}

    restrict(document, MISSING)

    assert document == {"oomScoreAdj": 1000}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["create", "--bundle", "/run/b", "id"], "/run/b"),
        (["create", "-b", "/run/b", "id"], "/run/b"),
        (["create", "--bundle=/run/b", "id"], "/run/b"),
        (["create", "id"], None),
    ],
)
def test_an_option_is_found_however_it_is_given(arguments: list[str], expected: str | None) -> None:
    assert expected == option(arguments, "--bundle", "-b")


@pytest.mark.parametrize(
    ("command", "file", "document"),
    [
        (["--log", "l", "create", "--bundle", "."], "config.json", {"process": process()}),
        (["exec", "--process", "config.json", "id"], "config.json", process()),
    ],
    ids=["create", "exec"],
)
def test_the_document_is_rewritten_before_runc_takes_over(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    file: str,
    document: dict[str, Any],
) -> None:
    monkeypatch.chdir(tmp_path)
    became: list[list[str]] = []
    Path(file).write_text(json.dumps(document))

    main(command, MISSING, lambda program, arguments: became.append(arguments))

    assert became == [["runc", *command]]
    assert "CAP_SYS_RESOURCE" not in Path(file).read_text()
    assert "CAP_CHOWN" in Path(file).read_text()
