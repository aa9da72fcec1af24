"""`poolkeeper explain NAMESPACE/POOL`: the last decisions of a pool with what led to them, and where the time
of its starts goes."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Sequence

from pydantic import ValidationError

from poolkeeper.advice.cold_start import PARTS, Part, cold_start_advice
from poolkeeper.api.base import API_VERSION, POOLS
from poolkeeper.api.past_decision import PastDecision
from poolkeeper.api.status import AcceleratorPoolStatus, AdmissionCause, ColdStartStatus
from poolkeeper.commands.flags import add_connection_arguments
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, KubeFailure
from poolkeeper.kube.transport.paths import namespaced_path

HEADINGS = ("AT", "REPLICAS", "REASON", "QUEUED", "IN FLIGHT", "READY", "STARTING", "WHY")
HELD_BY = {
    AdmissionCause.GATE: "a scheduling gate",
    AdmissionCause.QUOTA: "a quota that refused the pod",
    AdmissionCause.NO_NODE: "no node",
    AdmissionCause.PROVISIONING: "a node that was being made",
    AdmissionCause.OTHER: "something else",
}
"""What held replicas, in words."""
ReadStatus = Callable[[Namespace, str, str], Coroutine[None, None, AcceleratorPoolStatus]]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("pool", metavar="NAMESPACE/POOL", help="the pool, for example serving/chat")
    add_connection_arguments(parser)


async def read_status(args: Namespace, namespace: str, name: str) -> AcceleratorPoolStatus:
    """The status of a pool, from the API server. Raises KubeFailure and ValidationError."""
    async with await KubeClient.from_environment(args.kubeconfig, args.context) as client:
        pool = await client.request("GET", namespaced_path(API_VERSION, namespace, POOLS, name))
    return AcceleratorPoolStatus.model_validate(pool.get("status") or {})


def run(args: Namespace, read: ReadStatus = read_status) -> int:
    """Print the explanation of one pool. Returns the exit status."""
    namespace, separator, name = args.pool.partition("/")
    if not (namespace and separator and name):
        return _fail(f"{args.pool!r} does not name a pool: write NAMESPACE/POOL, for example serving/chat")
    try:
        status = asyncio.run(read(args, namespace, name))
    except ApiError as failure:
        hint = f" (kubectl get {POOLS} -A lists all pools)" if failure.status == 404 else ""
        return _fail(f"{failure}{hint}")
    except KubeFailure as failure:
        return _fail(str(failure))
    except ValidationError:
        return _fail(f"the status of {args.pool} was written by another version: use the operator's version")
    sys.stdout.write(explanation(args.pool, status))
    return 0


def explanation(pool: str, status: AcceleratorPoolStatus) -> str:
    """The decisions as a table, oldest first, then the decision in force, the conditions, the promise, the
    bill and the start times."""
    if status.decisions:
        decisions = _table([HEADINGS, *(_row(decision) for decision in status.decisions)])
    else:
        decisions = f"No decision about {pool} has been recorded yet.\n"
    now = f"{_now(status)}{_conditions(status)}"
    parts = (decisions, now, _promise(status), _cost(status), _starts(status), _waits(status))
    return "\n".join(filter(None, parts))


def _row(decision: PastDecision) -> tuple[str, ...]:
    before = "" if decision.before is None else f"{decision.before}→"
    numbers = (decision.queued, decision.in_flight, decision.ready, decision.starting)
    seen = ("?" if number is None else str(number) for number in numbers)
    return (decision.at, f"{before}{decision.replicas}", decision.reason, *seen, decision.message)


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _now(status: AcceleratorPoolStatus) -> str:
    decision = status.decision
    return f"Now: {_replicas(decision.replicas)}, {decision.reason}: {decision.message}\n" if decision else ""


def _replicas(number: int) -> str:
    return "1 replica" if number == 1 else f"{number} replicas"


def _conditions(status: AcceleratorPoolStatus) -> str:
    return "".join(
        f"{condition.type}={condition.status} {condition.reason}: {condition.message}\n"
        for condition in status.conditions
    )


def _promise(status: AcceleratorPoolStatus) -> str:
    """How many requests were taken within the budget, and what made the others late."""
    promise = status.promise
    if promise is None:
        return ""
    windows = (
        ("last hour", promise.last_hour),
        ("last day", promise.last_day),
        ("last 30 days", promise.last_30_days),
    )
    return _table(
        [
            ("PROMISE", f"{promise.objective} (counted until {promise.until})"),
            *((name, line) for name, line in windows if line),
        ]
    )


def _cost(status: AcceleratorPoolStatus) -> str:
    """What the replicas were paid for."""
    cost = status.cost
    if cost is None:
        return ""
    spans = (("today", cost.today), ("last 30 days", cost.last_30_days))
    return "COST\n" + _table([(name, line) for name, line in spans if line])


def _starts(status: AcceleratorPoolStatus) -> str:
    """How long starts take, where their time goes, and what to do about the largest part."""
    starts = status.cold_start
    if starts is None or starts.p50_seconds is None:
        return ""
    failed = f", {starts.failed} failed" if starts.failed else ""
    total = ("whole start", f"{starts.p50_seconds} s", f"{starts.p95_seconds} s")
    parts = _parts(starts)
    rows = [
        (name, f"{part.p50_seconds} s", f"{part.p95_seconds} s")
        for name, part in zip(PARTS, parts, strict=bool(parts))
    ]
    table = _table([(f"STARTS ({starts.samples} measured{failed})", "P50", "P95"), *rows, total])
    advice = cold_start_advice(parts)
    return f"{table}{advice}\n" if advice else table


def _waits(status: AcceleratorPoolStatus) -> str:
    """How long replicas waited to be admitted, by what held them; none of it is part of a start."""
    waits = status.cold_start.admission if status.cold_start else None
    if not waits:
        return ""
    rows = [
        (f"{HELD_BY[each.cause]} ({each.waits})", f"{each.p50_seconds} s", f"{each.p95_seconds} s")
        for each in waits
    ]
    return _table([("WAITS FOR ADMISSION (last ones)", "P50", "P95"), *rows])


def _parts(starts: ColdStartStatus) -> list[Part]:
    """The parts of a start in the order of PARTS; empty until a start was seen in all its parts."""
    quantiles = (
        (starts.scheduling_p50_seconds, starts.scheduling_p95_seconds),
        (starts.containers_p50_seconds, starts.containers_p95_seconds),
        (starts.loading_p50_seconds, starts.loading_p95_seconds),
    )
    return [Part(p50, p95) for p50, p95 in quantiles if p50 is not None and p95 is not None]


def _fail(message: str) -> int:
    sys.stderr.write(f"poolkeeper explain: {message}\n")
    return 1
