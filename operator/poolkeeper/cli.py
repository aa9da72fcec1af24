"""The command line `poolkeeper`: each command is a module that is only imported when it is called for."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
    "classes": (
        "poolkeeper.commands.classes",
        "list the accelerator classes with their prices, and the nodes of the cluster that are of them",
    ),
    "report": (
        "poolkeeper.commands.report",
        "show what each pool was paid for, by state, in dollars and in energy, and what was saved",
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
EXTRAS = {"backtest": ("matplotlib", "numpy", "scipy", "rich"), "report": ("matplotlib", "numpy")}
EXTRA = "backtest"
"""The name of the one extra, which has the libraries for plots too."""


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
            with _naming_the_extra(name):
                module = load_module(path)
            module.add_arguments(command)
    args = parser.parse_args(arguments)
    if module is None:
        return 2
    with _naming_the_extra(args.command):
        return int(module.run(args))


@contextmanager
def _naming_the_extra(name: str) -> Iterator[None]:
    """Ends with the command that installs what is missing, where a library of an extra is."""
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in EXTRAS.get(name, ()):
            raise
        sys.exit(f"poolkeeper {name} needs {library}: pip install 'poolkeeper[{EXTRA}]'")
