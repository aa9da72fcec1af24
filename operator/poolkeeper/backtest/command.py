"""`poolkeeper backtest`: what a trace would have cost under several policies, and how long requests wait."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from poolkeeper.api.pool import StartMode
from poolkeeper.backtest.comparison import Comparison, compare, executor_for
from poolkeeper.backtest.controllers.registry import (
    ALWAYS_ON,
    OPTIMUM,
    POLICIES,
    POOLKEEPER,
    PolicyError,
    parse_policy,
)
from poolkeeper.backtest.delivery import (
    InputError,
    check_files,
    deliver,
    deliver_suggestions,
    stopped_by_reader,
)
from poolkeeper.backtest.readers.formats import READERS, Reading, distinct_names, read_trace
from poolkeeper.backtest.readers.source import ITS_NAME, STANDARD_INPUT, Watch
from poolkeeper.backtest.reporting.prices import ClassUnknown, dollars_per_hour
from poolkeeper.backtest.reporting.progress import reading, replaying
from poolkeeper.backtest.simulation.setting import Disturbance, Setting
from poolkeeper.backtest.simulation.start_times import FORMS, StartTimesError, parse_start_times
from poolkeeper.backtest.suggest.search import suggest
from poolkeeper.backtest.traces.generators import KINDS, PREFIX, generate
from poolkeeper.backtest.traces.trace import Trace, TraceError

DEFAULT_POLICIES = (POOLKEEPER, "keda", ALWAYS_ON, OPTIMUM)
POOLS = 10
WEEK_SECONDS = 604_800.0
LEAST_OBJECTIVE = 50.0
"""As `coldStart.objectivePercent` of a pool; it also finds 0.995 where 99.5 is meant."""
BAD_INPUT = 2
PARAMETERS = {
    "start_time": "start_time",
    "budget_seconds": "budget",
    "objective_percent": "objective",
    **{name: name for name in ("concurrency", "min_replicas", "max_replicas", "start", "drains")},
    "expected_service_seconds": "expected_service",
    "class": "accelerator_class",
    **{name: name for name in ("chips_per_replica", "poll_milliseconds", "termination_seconds")},
    **{name: name for name in ("format", "service_seconds")},
    **{name: name for name in ("lag_seconds", "lost_percent", "seed")},
}
"""Names in the JSON, and the flags that every policy shares."""


def _between(least: float, most: float, unit: str) -> Callable[[str], float]:

    def read(text: str) -> float:
        value = _number(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must lie between {least:g} and {most:g} {unit}, got {text}")
        return value

    return read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's flags, which scripts rely on."""
    add = parser.add_argument
    seconds, share = _between(0, WEEK_SECONDS, "seconds (a week)"), _between(0, 50, "percent")
    add("--trace", action="append", required=True, metavar="FILE",
        help="a CSV (plain or .gz, - for standard input) with one request per line and a header such as "
        "arrival_seconds,service_seconds,pool or timestamp,duration_ms,model; values that Prometheus or "
        "Grafana exported; a file in another format; or "
        "generate:KIND[,rate=PER_HOUR,hours=N,service=SECONDS,pools=N], where KIND is one "
        f"of {', '.join(KINDS)}; repeatable")  # fmt: skip
    add("--format", choices=list(READERS),
        help="format of every trace; needed where the first line of a file does not show it")  # fmt: skip
    add("--start-time", required=True, metavar="MODEL", help=FORMS)
    add("--budget", required=True, type=seconds, metavar="SECONDS",
        help="longest time that a request may wait until a replica takes it")  # fmt: skip
    add("--objective", type=percent, default=99.5, metavar="PERCENT",
        help="share of requests that must be taken within the budget (default 99.5)")  # fmt: skip
    add("--concurrency", type=count, default=1, metavar="N",
        help="requests that one replica works on at once (default 1)")  # fmt: skip
    add("--min-replicas", type=count_or_none, default=0, metavar="N",
        help="fewest replicas of each pool (default 0)")  # fmt: skip
    add("--max-replicas", type=count, default=1, metavar="N",
        help="most replicas of each pool (default 1)")  # fmt: skip
    add("--start", choices=[mode.value for mode in StartMode], default=StartMode.AT_DEADLINE.value,
        help="when Poolkeeper starts a replica for a waiting request; Auto means AtDeadline here, because a "
        "trace is replayed as a queue (default AtDeadline)")  # fmt: skip
    add("--class", dest="accelerator_class", metavar="NAME",
        help="AcceleratorClass whose list price is used to show dollars")  # fmt: skip
    add("--chips-per-replica", type=count, default=1, metavar="N",
        help="chips that one replica uses; multiplies dollars, not hours (default 1)")  # fmt: skip
    add("--drains", action=argparse.BooleanOptionalAction, default=True,
        help="whether replicas finish their requests when they are stopped; with --no-drains these are lost, "
        "and Poolkeeper never lowers the number while a request is in flight (default --drains)")  # fmt: skip
    add("--poll-milliseconds", type=count, default=500, metavar="N",
        help="how often Poolkeeper reads the queue (default 500)")  # fmt: skip
    add("--termination-seconds", type=seconds, default=5.0, metavar="N",
        help="time for which a stopped replica is still paid (default 5)")  # fmt: skip
    add("--service-seconds", type=seconds, default=0.0, metavar="N",
        help="service time of requests for which the trace has none (default 0)")  # fmt: skip
    add("--expected-service", type=_between(0.001, WEEK_SECONDS, "seconds"), metavar="SECONDS",
        help="service time that the pool declares (expectedServiceSeconds), which Poolkeeper plans with "
        "until requests have been completed (default: none)")  # fmt: skip
    add("--policy", action="append", metavar="NAME[:key=value,…]",
        help=f"a policy to replay: {', '.join(POLICIES)}; repeatable "
        f"(default {', '.join(DEFAULT_POLICIES)})")  # fmt: skip
    add("--suggest", action="store_true",
        help="instead of comparing policies, say what the pools should declare so that the promise is kept: "
        "replays Poolkeeper with other objectives, more replicas, KeepWarm, and longer budgets")  # fmt: skip
    add("--lag-seconds", type=seconds, default=0.0, metavar="N",
        help="delay of everything that Poolkeeper reads from the queue (default 0)")  # fmt: skip
    add("--lost-percent", type=share, default=0.0, metavar="PERCENT",
        help="share of Poolkeeper's polls that fail (default 0)")  # fmt: skip
    add("--seed", type=int, default=0, metavar="N", help="seed of everything random (default 0)")
    add("--processes", type=count, metavar="N", help="processes to use (default: one per core)")
    add("--json", metavar="FILE",
        help="write the results as a JSON array; - means standard output. The keys breaks, breaks_percent, "
        "avoidable_breaks_percent and unavoidable_breaks_percent count late requests. The same flags and "
        "traces give the same bytes")  # fmt: skip
    add("--pools", type=count, nargs="?", const=POOLS, default=0, metavar="N",
        help="show N pools of each trace on their own too, in the table and in the JSON: those on which the "
        f"first policy pays most above the optimum (default {POOLS})")  # fmt: skip
    add("--html", metavar="FILE", help="write a report with plots, as one file that loads nothing")


def run(arguments: argparse.Namespace) -> int:
    """Replays traces of requests through Poolkeeper's decisions and other policies, and compares the cost."""
    try:
        check_files(arguments.json, arguments.html)
        _import_early(arguments)
        with reading() as watch:
            comparison = comparison_from(arguments, watch)
        for trace in comparison.traces:
            for note in trace.notes:
                print(f"{trace.name}: {note}", file=sys.stderr)  # noqa: T201
        _work(comparison, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        return stopped_by_reader()
    except (TraceError, StartTimesError, PolicyError, ClassUnknown, InputError) as error:
        print(f"poolkeeper backtest: {error}", file=sys.stderr)  # noqa: T201
        return BAD_INPUT
    return 0


def _import_early(arguments: argparse.Namespace) -> None:
    """What is imported late, because it takes long: a library that is missing is found before replaying."""
    import_module("scipy.optimize")
    if arguments.html:
        import_module("poolkeeper.backtest.reporting.report.report")


def comparison_from(arguments: argparse.Namespace, watch: Watch | None = None) -> Comparison:
    """What to compare; raises TraceError, StartTimesError, PolicyError, ClassUnknown or InputError."""
    if arguments.min_replicas > arguments.max_replicas:
        raise InputError("--min-replicas is above --max-replicas; lower the one or raise the other")
    setting = Setting(
        budget_seconds=arguments.budget,
        objective_percent=arguments.objective,
        concurrency=arguments.concurrency,
        min_replicas=arguments.min_replicas,
        max_replicas=arguments.max_replicas,
        start=StartMode(arguments.start),
        drains=arguments.drains,
        poll_seconds=arguments.poll_milliseconds / 1000,
        termination_seconds=arguments.termination_seconds,
        expected_service_seconds=arguments.expected_service,
        disturbance=Disturbance(arguments.lag_seconds, arguments.lost_percent),
        seed=arguments.seed,
    )
    start_times = parse_start_times(arguments.start_time)
    policies = tuple(parse_policy(text) for text in arguments.policy or DEFAULT_POLICIES)
    for policy in policies:
        policy.check(setting)
    price = _dollars_per_hour(arguments)
    options = Reading(arguments.seed, arguments.service_seconds, watch)
    traces = _traces(arguments.trace, arguments.format, options)
    return Comparison(traces, policies, setting, start_times, _parameters(arguments), price)


def _dollars_per_hour(arguments: argparse.Namespace) -> float | None:
    if not arguments.accelerator_class:
        return None
    return dollars_per_hour(arguments.accelerator_class, arguments.chips_per_replica)


def _traces(texts: Sequence[str], format_name: str | None, options: Reading) -> tuple[Trace, ...]:
    files = [text for text in texts if not text.startswith(PREFIX)]
    if files.count(STANDARD_INPUT) > 1:
        raise InputError("--trace - can be given once: standard input is read to its end")
    names = dict(zip(files, distinct_names(files), strict=True)) | {STANDARD_INPUT: ITS_NAME}
    return tuple(
        replace(read_trace(Path(text), format_name, options), name=names[text])
        if text in names
        else generate(text, options.seed)
        for text in texts
    )


def _parameters(arguments: argparse.Namespace) -> dict[str, object]:
    return {name: getattr(arguments, flag) for name, flag in PARAMETERS.items()}


def _work(comparison: Comparison, arguments: argparse.Namespace) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    defaults = {name: parser.get_default(name) for name in vars(arguments)}
    executor = executor_for(comparison, arguments.processes)
    if arguments.suggest:
        with replaying() as progress:
            found = suggest(comparison, executor, progress)
        deliver_suggestions(comparison, found, arguments, defaults)
        return
    with replaying() as progress:
        results = compare(comparison, executor, progress)
    deliver(comparison, results, arguments, defaults)


def percent(text: str) -> float:
    value = _number(text)
    if not LEAST_OBJECTIVE <= value < 100:
        raise argparse.ArgumentTypeError(
            f"must be a percentage of at least {LEAST_OBJECTIVE:g} and below 100, for example 99.5, "
            f"got {text}"
        )
    return value


def count(text: str) -> int:
    return _whole(text, 1)


def count_or_none(text: str) -> int:
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    value = _number(text)
    if value != int(value) or not least <= value <= 1_000_000:
        raise argparse.ArgumentTypeError(f"must be a whole number between {least} and 1000000, got {text}")
    return int(value)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from error
    if not float("-inf") < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a finite number, got {text}")
    return value


def main(words: Sequence[str] | None = None) -> int:
    """Parses and runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="poolkeeper backtest", description=run.__doc__)
    add_arguments(parser)
    return run(parser.parse_args(words))
