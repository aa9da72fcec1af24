"""`poolkeeper activator`: the process that holds requests."""

import argparse
import asyncio
import gc
import os
import resource
import secrets
import signal
import socket
from pathlib import Path

import uvloop

from poolkeeper.activator.observing import access_log
from poolkeeper.activator.process import Address, Settings
from poolkeeper.activator.process import run as run_process
from poolkeeper.commands.flags import add_log_arguments
from poolkeeper.logs import configure_logs

EVERYWHERE = ""
"""asyncio listens on 0.0.0.0 and on ::, as far as the pod has both families. A host of "::" would mean IPv6
alone, since asyncio's sockets never serve both families."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--token-file", type=Path, required=True, help="file with the token shared with the controller"
    )
    parser.add_argument(
        "--control",
        type=_address,
        default=(EVERYWHERE, 8082),
        metavar="HOST:PORT",
        help="address at which the controller connects (default: port 8082, all addresses)",
    )
    parser.add_argument(
        "--listen",
        type=_address,
        default=(EVERYWHERE, 8080),
        metavar="HOST:PORT",
        help="address of probes and metrics (default: port 8080, all addresses)",
    )
    parser.add_argument(
        "--identity",
        default=os.environ.get("POD_NAME") or socket.gethostname(),
        help="name of this replica (default: POD_NAME, else the host name)",
    )
    parser.add_argument(
        "--grace-seconds",
        type=float,
        default=600.0,
        help="longest time to finish requests after SIGTERM, in seconds (default: %(default)g)",
    )
    parser.add_argument("--no-access-log", action="store_true", help="do not write a line per request")
    add_log_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    configure_logs(arguments.log_level, arguments.log_format)
    access_log.logger.disabled = arguments.no_access_log
    _allow_many_files()
    _collect_garbage_seldom()
    settings = Settings(
        identity=f"{arguments.identity}/{secrets.token_hex(4)}",
        token_file=arguments.token_file,
        control=arguments.control,
        probes=arguments.listen,
        grace_seconds=arguments.grace_seconds,
    )
    uvloop.run(_run_until_signal(settings))
    return 0


async def _run_until_signal(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run_process(settings, stop)


def _allow_many_files() -> None:
    """Every held request is an open file: raise the soft limit to the hard limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _collect_garbage_seldom() -> None:
    """Collect cyclic garbage less often: a request leaves next to none, and each collection with thousands of
    held requests is a pause. What is imported now is never collected."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not port.isdecimal():
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an address: write HOST:PORT, for example 0.0.0.0:8080"
        )
    return host.strip("[]"), int(port)
