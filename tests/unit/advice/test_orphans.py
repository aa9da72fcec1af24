"""Commands that a user can paste into a shell, for every name that a key may have."""

import subprocess
from typing import Any

import pytest

from poolkeeper.advice.orphans import LONGEST_NAME, Remedy, quoted, remedy
from poolkeeper.api.demand import DemandSource


def source(kind: str, seconds: int | None = 60, **queue: Any) -> DemandSource:
    declared = {"name": "jobs", "maxServiceSeconds": seconds, kind: {"address": "redis:6379", **queue}}
    return DemandSource.model_validate(declared)


LIST = source("redisList", list="jobs", processingList="jobs-in-progress")


@pytest.mark.parametrize(
    ("declared", "are_all", "expected"),
    [
        (
            LIST,
            True,
            Remedy(
                "redis-cli LRANGE jobs-in-progress 0 99",
                "redis-cli LMOVE jobs-in-progress jobs RIGHT LEFT",
            ),
        ),
        (
            LIST,
            False,
            Remedy(
                "redis-cli LRANGE jobs-in-progress 0 99",
                "redis-cli RPUSH jobs ENTRY && redis-cli LREM jobs-in-progress 1 ENTRY",
            ),
        ),
        (
            source("redisStream", stream="s", group="g", database=3),
            False,
            Remedy(
                "redis-cli -n 3 XPENDING s g IDLE 60000 - + 100",
                "redis-cli -n 3 XAUTOCLAIM s g CONSUMER 60000 0",
            ),
        ),
        (
            source("redisStream", None, stream="s", group="g"),
            False,
            Remedy(
                "redis-cli XPENDING s g IDLE 3600000 - + 100", "redis-cli XAUTOCLAIM s g CONSUMER 3600000 0"
            ),
        ),
        (source("redisList", list="jobs"), True, None),
    ],
)
def test_commands(declared: DemandSource, *, are_all: bool, expected: Remedy | None) -> None:
    assert remedy(declared, are_all=are_all) == expected


@pytest.mark.parametrize(
    "name",
    [
        "jobs:in-progress",
        "with space",
        "it's",
        "$(reboot)",
        "`reboot`",
        "a;b|c&d>e",
        "new\nline",
        "\x1b[2J'",
        "é",
    ],
)
def test_a_shell_reads_the_name_and_nothing_else(name: str) -> None:
    word = quoted(name, "KEY")
    assert "\n" not in word
    printed = subprocess.run(["bash", "-c", f"printf %s {word}"], capture_output=True, check=True)
    assert printed.stdout.decode() == name


@pytest.mark.parametrize("name", ["x" * (LONGEST_NAME + 1), "\n" * LONGEST_NAME])
def test_a_name_that_is_too_long_is_left_to_the_user(name: str) -> None:
    assert quoted(name, "KEY") == "KEY"
