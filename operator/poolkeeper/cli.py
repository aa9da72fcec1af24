"""The command line `poolkeeper`: each command is a module that is only imported when it is called for."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

COMMANDS = {
    "controller": ("poolkeeper.commands.controller", "run the controller, which decides and writes replicas"),
    "activator": (
        "poolkeeper.commands.activator",
        "run an activator, which holds HTTP requests while a pool is at zero",
    ),
    "explain": (
        "poolkeeper.commands.explain",
        "show the last decisions about a pool with their reasons, and where the time of its starts goes",
    ),
    "leave": (
        "poolkeeper.commands.leave",
        "before an uninstall: stop the controller, remove the activators from Services, name pools at zero",
    ),
    "crds": (
        "poolkeeper.commands.crds",
        "write the CustomResourceDefinitions as YAML files, or check that the files are current",
    ),
    "backtest": (
        "poolkeeper.backtest.command",
        "replay recorded or generated requests through the policy and its peers",
    ),
}
EXTRAS = {"backtest": ("matplotlib", "numpy", "scipy", "rich")}


def main(
    arguments: Sequence[str] | None = None, load_module: Callable[[str], ModuleType] = import_module
) -> int:
    """Carries a command line out; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    chosen = next((argument for argument in arguments if argument in COMMANDS), None)
    parser = ArgumentParser(
        prog="poolkeeper", description="Scales model servers on accelerators to zero and back."
    )
    parser.add_argument("--version", action="version", version=f"poolkeeper {version('poolkeeper')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    module = None
    for name, (path, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == chosen:
            module = _load(name, path, load_module)
            module.add_arguments(command)
    args = parser.parse_args(arguments)
    return int(module.run(args)) if module else 2


def _load(name: str, path: str, load_module: Callable[[str], ModuleType]) -> ModuleType:
    try:
        return load_module(path)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS.get(name, ()):
            raise
        sys.exit(f"poolkeeper {name} needs {error.name}: pip install 'poolkeeper[{name}]'")
