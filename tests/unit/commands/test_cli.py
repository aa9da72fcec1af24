"""The command line: what it needs, and what it says where something is missing."""

import subprocess
import sys

import pytest

from poolkeeper import cli
from poolkeeper.api.status import AcceleratorPoolStatus, DecisionRecord, DecisionStatus
from poolkeeper.commands import explain
from poolkeeper.commands.explain import explanation

HEAVY = ("kopf", "kubernetes", "aiohttp", "redis", "numpy", "pydantic")


def test_the_command_line_itself_imports_nothing_heavy() -> None:
    check = f"import sys, poolkeeper.cli; sys.exit(any(name in sys.modules for name in {HEAVY!r}))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize("command", ["controller", "explain", "crds"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert "usage: poolkeeper" in capsys.readouterr().out


def test_a_missing_extra_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    monkeypatch.setattr(cli, "import_module", fail)
    with pytest.raises(SystemExit, match=r"pip install 'poolkeeper\[backtest\]'"):
        cli.main(["backtest"])


def test_a_bug_in_an_import_is_not_mistaken_for_a_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ModuleNotFoundError("No module named 'typo'", name="typo")

    monkeypatch.setattr(cli, "import_module", fail)
    with pytest.raises(ModuleNotFoundError):
        cli.main(["backtest"])


@pytest.mark.parametrize("pool", ["chat", "/chat", "serving/", ""])
def test_explain_wants_a_namespace_and_a_name(pool: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", pool]) == 1
    assert "write NAMESPACE/POOL" in capsys.readouterr().err


def test_a_status_of_another_version_is_said_to_be_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def read(*_: object) -> AcceleratorPoolStatus:
        return AcceleratorPoolStatus.model_validate({"decisions": [{"replicas": "many"}]})

    monkeypatch.setattr(explain, "_status", read)
    assert cli.main(["explain", "serving/chat"]) == 1
    assert "another version" in capsys.readouterr().err


def test_an_explanation_is_a_table_of_decisions_with_unknown_numbers_shown_as_such() -> None:
    status = AcceleratorPoolStatus(
        decision=DecisionStatus(
            replicas=1, reason="Starting", message="one loads", at="2026-01-01T00:00:05Z"
        ),
        decisions=(
            DecisionRecord(
                replicas=1,
                reason="StartAtOnce",
                message="3 wait",
                at="2026-01-01T00:00:00Z",
                queued=3,
                ready=0,
                starting=0,
            ),
        ),
    )
    assert explanation("serving/chat", status).splitlines() == [
        "AT                    REPLICAS  REASON       QUEUED  IN FLIGHT  READY  STARTING  WHY",
        "2026-01-01T00:00:00Z  1         StartAtOnce  3       ?          0      0         3 wait",
        "",
        "Now: 1 replicas, Starting: one loads",
    ]


def test_a_pool_without_decisions_is_said_to_have_none() -> None:
    assert "No decision about serving/chat" in explanation("serving/chat", AcceleratorPoolStatus())
