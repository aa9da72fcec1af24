"""`poolkeeper explain NAMESPACE/POOL`: the last decisions of a pool with what led to them."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from pydantic import ValidationError

from poolkeeper.api.base import API_VERSION
from poolkeeper.api.status import AcceleratorPoolStatus, DecisionRecord
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.transport.paths import namespaced_path

HEADINGS = ("AT", "REPLICAS", "REASON", "QUEUED", "IN FLIGHT", "READY", "STARTING", "WHY")


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the command's flags."""
    parser.add_argument("pool", metavar="NAMESPACE/POOL")
    parser.add_argument("--kubeconfig", help="kubeconfig file (default: KUBECONFIG or ~/.kube/config)")
    parser.add_argument("--context", help="context in the kubeconfig (default: the current one)")


def run(args: Namespace) -> int:
    """Carries the command out; returns the exit status."""
    namespace, separator, name = args.pool.partition("/")
    if not (namespace and separator and name):
        return _fail(f"{args.pool!r} is no pool: write NAMESPACE/POOL, for example serving/chat")
    try:
        status = asyncio.run(_status(args, namespace, name))
    except ApiError as failure:
        hint = " (kubectl get acceleratorpools -A lists all)" if failure.status == 404 else ""
        return _fail(f"{failure}{hint}")
    except KubeFailure as failure:
        return _fail(str(failure))
    except ValidationError:
        return _fail(f"the status of {args.pool} is of another version: use that of the operator")
    sys.stdout.write(explanation(args.pool, status))
    return 0


def explanation(pool: str, status: AcceleratorPoolStatus) -> str:
    """The decisions as a table, oldest first, then what holds now."""
    if not status.decisions:
        return f"No decision about {pool} has been recorded yet.\n{_conditions(status)}"
    table = _table([HEADINGS, *(_row(record) for record in status.decisions)])
    return f"{table}\n{_now(status)}{_conditions(status)}"


def _row(record: DecisionRecord) -> tuple[str, ...]:
    numbers = (record.queued, record.in_flight, record.ready, record.starting)
    shown = ("?" if number is None else str(number) for number in numbers)
    return (record.at, str(record.replicas), record.reason, *shown, record.message)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _now(status: AcceleratorPoolStatus) -> str:
    decision = status.decision
    return f"Now: {decision.replicas} replicas, {decision.reason}: {decision.message}\n" if decision else ""


def _conditions(status: AcceleratorPoolStatus) -> str:
    return "".join(
        f"{condition.type}={condition.status} {condition.reason}: {condition.message}\n"
        for condition in status.conditions
    )


async def _status(args: Namespace, namespace: str, name: str) -> AcceleratorPoolStatus:
    async with await KubeClient.from_environment(args.kubeconfig, args.context) as client:
        pool = await client.request("GET", namespaced_path(API_VERSION, namespace, "acceleratorpools", name))
    return AcceleratorPoolStatus.model_validate(pool.get("status") or {})


def _fail(message: str) -> int:
    sys.stderr.write(f"poolkeeper explain: {message}\n")
    return 1
