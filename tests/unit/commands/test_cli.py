"""The command line: what it needs, and what it says where something is missing."""

import subprocess
import sys
from argparse import Namespace
from types import ModuleType

import pytest

from poolkeeper import cli
from poolkeeper.api.past_decision import PastDecision
from poolkeeper.api.status import AcceleratorPoolStatus, ColdStartStatus, DecisionStatus
from poolkeeper.commands import explain
from poolkeeper.commands.explain import explanation

HEAVY = ("kopf", "kubernetes", "aiohttp", "redis", "numpy", "pydantic")


def test_the_command_line_itself_imports_nothing_heavy() -> None:
    check = f"import sys, poolkeeper.cli; sys.exit(any(name in sys.modules for name in {HEAVY!r}))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize(
    ("command", "purpose"),
    [
        ("controller", "Run the controller, which decides and writes replicas."),
        ("activator", "Run an activator, which holds HTTP requests while a pool is at zero."),
        ("explain", "Show the last decisions about a pool with their reasons"),
        ("classes", "List the accelerator classes with their prices, and the nodes of the cluster"),
        ("leave", "remove the activators from Services, name pools at zero."),
        ("crds", "Write the CustomResourceDefinitions as YAML files"),
    ],
)
def test_every_command_explains_itself(
    command: str, purpose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "usage: poolkeeper" in shown
    assert purpose in shown


def test_a_missing_extra_is_named_with_the_command_that_installs_it() -> None:
    def fail(_: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    with pytest.raises(SystemExit, match=r"pip install 'poolkeeper\[backtest\]'"):
        cli.main(["backtest"], fail)


def test_a_bug_in_an_import_is_not_mistaken_for_a_missing_extra() -> None:
    def fail(_: str) -> ModuleType:
        raise ModuleNotFoundError("No module named 'typo'", name="typo")

    with pytest.raises(ModuleNotFoundError):
        cli.main(["backtest"], fail)


@pytest.mark.parametrize("pool", ["chat", "/chat", "serving/", ""])
def test_explain_wants_a_namespace_and_a_name(pool: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", pool]) == 1
    assert "write NAMESPACE/POOL" in capsys.readouterr().err


def test_a_status_of_another_version_is_said_to_be_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def read(*_: object) -> AcceleratorPoolStatus:
        return AcceleratorPoolStatus.model_validate({"decisions": [{"replicas": "many"}]})

    assert explain.run(Namespace(pool="serving/chat"), read) == 1
    assert "another version" in capsys.readouterr().err


def test_an_explanation_is_a_table_of_decisions_with_unknown_numbers_shown_as_such() -> None:
    status = AcceleratorPoolStatus(
        decision=DecisionStatus(replicas=1, reason="Starting", message="one loads"),
        decisions=(
            PastDecision(
                before=0,
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
        "2026-01-01T00:00:00Z  0→1       StartAtOnce  3       ?          0      0         3 wait",
        "",
        "Now: 1 replica, Starting: one loads",
    ]


def test_an_explanation_says_where_the_time_of_starts_goes_and_what_to_do() -> None:
    starts = ColdStartStatus(
        p50_seconds=44,
        p95_seconds=290,
        scheduling_p50_seconds=1,
        scheduling_p95_seconds=240,
        containers_p50_seconds=11,
        containers_p95_seconds=14,
        loading_p50_seconds=30,
        loading_p95_seconds=33,
        samples=6,
        failed=1,
    )
    assert explanation("serving/chat", AcceleratorPoolStatus(cold_start=starts)).splitlines()[-6:] == [
        "STARTS (6 measured, 1 failed)  P50   P95",
        "waiting for a node or quota    1 s   240 s",
        "image and containers           11 s  14 s",
        "loading until ready            30 s  33 s",
        "whole start                    44 s  290 s",
        "The largest part is waiting for a node or quota, up to 240 s: keep spare capacity or a warm node "
        "pool for this class of accelerator, or raise the quota.",
    ]


def test_starts_that_were_not_seen_in_parts_are_explained_as_a_whole() -> None:
    starts = ColdStartStatus(p50_seconds=44, p95_seconds=290, samples=6)
    text = explanation("serving/chat", AcceleratorPoolStatus(cold_start=starts))
    assert text.splitlines()[-2:] == ["STARTS (6 measured)  P50   P95", "whole start          44 s  290 s"]


def test_a_pool_without_decisions_is_said_to_have_none() -> None:
    assert "No decision about serving/chat" in explanation("serving/chat", AcceleratorPoolStatus())
