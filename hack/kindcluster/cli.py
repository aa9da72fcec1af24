"""Bring up, fill and take down a kind cluster, also where no container registry can be reached."""

import argparse
import os
import shlex
from collections.abc import Callable
from typing import Any

from hack.kindcluster.build import tools
from hack.kindcluster.build.images import ALL
from hack.kindcluster.cluster import DEFAULT_NAME, kubeconfig
from hack.kindcluster.machine.errors import ClusterError
from hack.kindcluster.machine.progress import say
from hack.kindcluster.status import report
from hack.kindcluster.workbench import Workbench

IMAGES: dict[str, Any] = {"nargs": "*", "metavar": "IMAGE", "help": f"{', '.join(ALL)} (all)"}


def up(bench: Workbench, arguments: argparse.Namespace) -> None:
    """Creates the cluster, or repairs it."""
    bench.up(arguments.name)
    say(f"The cluster {arguments.name} is ready. To work with it:")
    say(f'    eval "$(hack/cluster env{suffix(arguments)})"')


def down(bench: Workbench, arguments: argparse.Namespace) -> None:
    """Deletes one cluster, or all and our own engine."""
    if arguments.all:
        bench.down_all()
    else:
        bench.down(arguments.name)


def load(bench: Workbench, arguments: argparse.Namespace) -> None:
    """Builds images and loads them into the node."""
    bench.load(arguments.name, arguments.images or ALL)


def push(bench: Workbench, arguments: argparse.Namespace) -> None:
    """Builds images and pushes them to a registry."""
    bench.push(arguments.registry, arguments.images or ALL)


def status(bench: Workbench, arguments: argparse.Namespace) -> None:
    """Prints the state of everything."""
    for line in report(bench, arguments.name):
        print(line)


def env(bench: Workbench, arguments: argparse.Namespace) -> None:
    """Prints settings for a shell."""
    if not kubeconfig(bench.cache, arguments.name).exists():
        say(f"There is no cluster {arguments.name} yet: `hack/cluster up{suffix(arguments)}` makes it.")
    settings = [f'PATH={shlex.quote(str(bench.link_tools()))}:"$PATH"']
    for name, value in bench.environment(arguments.name).items():
        settings.append(f"{name}={shlex.quote(value)}")
    print("export", *settings)


def tool(bench: Workbench, arguments: argparse.Namespace) -> None:
    """Prints the paths of tools."""
    for path in bench.tools.paths(arguments.tools):
        print(path)


def suffix(arguments: argparse.Namespace) -> str:
    return "" if arguments.name == DEFAULT_NAME else f" --name {arguments.name}"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="hack/cluster",
        description=__doc__,
        epilog="POOLKEEPER_CACHE names the cache folder; INSTALL=no prints what would be installed instead.",
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def command(
        function: Callable[[Workbench, argparse.Namespace], None], summary: str
    ) -> argparse.ArgumentParser:
        one = commands.add_parser(function.__name__, help=summary, description=summary)
        one.set_defaults(command=function)
        return one

    named = [
        command(up, "create the cluster, or repair it after a restart or a kill"),
        command(down, "delete the cluster"),
        command(load, "build the images whose sources changed, and load them into the node"),
        command(status, "print the state of engine, node, images and cache"),
        command(env, 'print settings for a shell: eval "$(hack/cluster env)"'),
    ]
    for one in named:
        one.add_argument("--name", default=DEFAULT_NAME, help="the cluster's name (%(default)s)")
    named[1].add_argument(
        "--all", action="store_true", help="delete every cluster, and stop the engine of our own"
    )
    named[2].add_argument("images", **IMAGES)
    one = command(push, "build the images whose sources changed, and push them to your registry")
    one.add_argument(
        "registry", metavar="REGISTRY", help="what comes before poolkeeper/…, as docker takes it"
    )
    one.add_argument("images", **IMAGES)
    one = command(tool, "build or find tools, and print their paths, one per line")
    one.add_argument("tools", nargs="+", metavar="NAME", help=", ".join(tools.NAMES))
    return top


def main() -> int:
    """Runs one command; returns the exit status."""
    arguments = parser().parse_args()
    try:
        arguments.command(Workbench.of(os.environ), arguments)
    except ClusterError as error:
        say(f"hack/cluster: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        say("hack/cluster: interrupted; what was complete is kept")
        return 130
    return 0
