"""`python -m hack.bench` lists every benchmark and runs one by its name."""

from importlib import import_module

import pytest

from hack.bench.__main__ import main
from hack.bench.catalogue import FOLDER, summaries


def test_each_module_of_a_subject_is_listed_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    listed = capsys.readouterr().out
    for path in FOLDER.glob("*/*.py"):
        if path.name != "__init__.py":
            name = f"{path.parent.name}.{path.stem}"
            assert f"{name} " in listed
            assert summaries()[name].endswith(".")


@pytest.mark.parametrize("name", summaries())
def test_what_is_listed_can_be_run(name: str) -> None:
    assert callable(import_module(f"hack.bench.{name}").main)


def test_a_benchmark_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["policy.table", "--help"])
    assert ended.value.code == 0
    assert summaries()["policy.table"] in capsys.readouterr().out


def test_an_unknown_name_is_refused_with_the_command_that_lists_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["policy.unheard_of"]) == 2
    assert "`python -m hack.bench` lists them" in capsys.readouterr().err
