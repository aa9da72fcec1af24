"""`poolkeeper report`: what each pool was paid for, and what was saved."""

import asyncio
import os
import re
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Awaitable, Callable

from poolkeeper.commands.bill.assumptions import assumptions
from poolkeeper.commands.bill.reading import Found, read
from poolkeeper.commands.bill.tables import as_csv, as_json, as_rows
from poolkeeper.commands.flags import add_connection_arguments
from poolkeeper.core.billing.statement import statement
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure

FORBIDDEN = 403
OUTPUTS = ("table", "csv", "json", "html")
UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0}
SPAN = re.compile(r"([1-9][0-9]{0,4})([mhd])")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        type=_span,
        default="7d",
        metavar="SPAN",
        help="how far back: 90m, 24h, 7d (default: %(default)s); older than eight days in whole days",
    )
    parser.add_argument("--namespace", help="only pools of this namespace (default: all)")
    parser.add_argument(
        "-o",
        "--output",
        choices=OUTPUTS,
        default="table",
        help="table, csv (a line for each hour), json, or html (one file with plots); default: %(default)s",
    )
    parser.add_argument(
        "--operator-namespace",
        default=os.environ.get("POD_NAMESPACE", "poolkeeper-system"),
        help="namespace of the controller, where bills are kept (default: POD_NAMESPACE, else %(default)s)",
    )
    add_connection_arguments(parser)


async def _read(args: Namespace, now: float) -> Found:
    async with await KubeClient.from_environment(args.kubeconfig, args.context) as client:
        return await read(client, args.operator_namespace, args.namespace, now)


def run(
    args: Namespace,
    read_all: Callable[[Namespace, float], Awaitable[Found]] = _read,
    clock: Callable[[], float] = time.time,
) -> int:
    """Print the report. Returns the exit status."""
    now = clock()
    try:
        found = asyncio.run(_awaited(read_all, args, now))
    except KubeFailure as failure:
        sys.stderr.write(f"poolkeeper report: {failure}{_remedy(failure, args)}\n")
        return 1
    sys.stdout.write(rendered(found, args.output, now - args.since, now))
    return 0


def _remedy(failure: KubeFailure, args: Namespace) -> str:
    """What to do about it. The operator's own account may not list what it writes."""
    if not isinstance(failure, ApiError) or failure.status != FORBIDDEN:
        return ""
    return (
        ". Run it on your machine, as a user who may list acceleratorpools, acceleratorclasses, and "
        f"configmaps in the namespace {args.operator_namespace}"
    )


async def _awaited(
    read_all: Callable[[Namespace, float], Awaitable[Found]], args: Namespace, now: float
) -> Found:
    return await read_all(args, now)


def rendered(found: Found, output: str, since: float, now: float) -> str:
    """The report in one of OUTPUTS."""
    statements = [each for source in found.sources if (each := statement(source, since, now)) is not None]
    said = assumptions(statements, found.classes, found.unreadable)
    if output == "csv":
        return as_csv(statements)
    if output == "json":
        return as_json(statements, said, since, now)
    if output == "html":
        # Only here, since it needs matplotlib.
        from poolkeeper.commands.bill.html import as_html

        return as_html(statements, said, since, now)
    if not statements:
        return "Nothing was paid for.\n"
    return f"{_table(as_rows(statements))}\n" + "".join(f"- {each}\n" for each in said)


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _span(text: str) -> float:
    found = SPAN.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no span of time: write one like 90m, 24h or 7d")
    return int(found[1]) * UNITS[found[2]]
