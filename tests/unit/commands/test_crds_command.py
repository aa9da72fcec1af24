"""`poolkeeper crds`: writes what is out of date, or only says so."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from poolkeeper.commands import crds as crds_command


def run(*arguments: str) -> int:
    parser = ArgumentParser()
    crds_command.add_arguments(parser)
    return crds_command.run(parser.parse_args(arguments))


def test_writes_once_and_is_then_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tmp_path / "crds")
    assert run("--output", folder) == 0
    assert capsys.readouterr().out.count("wrote ") == 3
    assert run("--output", folder, "--check") == 0
    assert run("--output", folder) == 0
    assert capsys.readouterr().out == ""


def test_check_names_what_is_out_of_date_and_leaves_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("--output", str(tmp_path))
    edited = tmp_path / "acceleratorpools.yaml"
    edited.write_text("edited")
    assert run("--output", str(tmp_path), "--check") == 1
    assert "acceleratorpools.yaml is out of date: run" in capsys.readouterr().err
    assert edited.read_text() == "edited"
