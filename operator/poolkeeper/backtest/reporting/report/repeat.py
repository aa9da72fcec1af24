"""The command that makes the same report again."""

import argparse
import shlex
from collections.abc import Mapping

FLAGS = {"accelerator_class": "class"}
"""Flags that are not called as their value is in the namespace."""
NOT_REPEATED = ("command", "processes")
"""What changes nothing in the results."""


def command_line(arguments: argparse.Namespace, defaults: Mapping[str, object]) -> str:
    """Every flag that is not at its default, in the order in which `--help` shows them."""
    words = ["poolkeeper", "backtest"]
    for name, default in defaults.items():
        value = getattr(arguments, name)
        if name not in NOT_REPEATED and value != default:
            words += _words(FLAGS.get(name, name).replace("_", "-"), value)
    return shlex.join(words)


def _words(flag: str, value: object) -> list[str]:
    if isinstance(value, bool):
        return [f"--{flag}" if value else f"--no-{flag}"]
    values = value if isinstance(value, list) else [value]
    return [word for each in values for word in (f"--{flag}", _text(each))]


def _text(value: object) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
