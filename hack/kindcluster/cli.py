"""The command line of hack/cluster."""

import argparse
import os
import shlex
import sys

from kindcluster import tools
from kindcluster.cache import Cache, cache_root
from kindcluster.debian import Debian
from kindcluster.errors import ClusterError
from kindcluster.gobinaries import GoBinaries
from kindcluster.progress import say
from kindcluster.tools import Tools
from kindcluster.versions import Versions


def toolbox() -> Tools:
    cache = Cache(cache_root(dict(os.environ)))
    versions = Versions.load()
    return Tools(versions, GoBinaries(cache, versions), Debian.of(cache, os.environ))


def tool(arguments: argparse.Namespace) -> None:
    for path in toolbox().paths(arguments.tools):
        print(path)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="hack/cluster", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("tool", help="make sure that tools are there, and print their paths")
    one.add_argument("tools", nargs="+", metavar="NAME", help=", ".join(tools.NAMES))
    one.set_defaults(command=tool)
    return top


def main() -> int:
    arguments = parser().parse_args()
    try:
        arguments.command(arguments)
    except ClusterError as error:
        say(f"hack/cluster: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        say("hack/cluster: interrupted; what was complete is kept")
        return 130
    return 0
