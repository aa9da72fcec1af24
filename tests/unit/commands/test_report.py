"""`poolkeeper report`: the same bill as a table, CSV, JSON and one HTML file."""

import csv
import io
import json
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace

import pytest

from poolkeeper import cli
from poolkeeper.api.accelerator_class import AcceleratorClassSpec, Price
from poolkeeper.commands import report
from poolkeeper.commands.bill.reading import Found, _live
from poolkeeper.core.billing.amounts import Amounts, Row, Unit
from poolkeeper.core.billing.books import Books, Day
from poolkeeper.core.billing.kept import to_text
from poolkeeper.core.billing.meter import Meter
from poolkeeper.core.billing.occupancy import Group, Running
from poolkeeper.core.billing.pages import Page
from poolkeeper.core.billing.statement import Source
from poolkeeper.kube.transport.errors import ApiError

FIRST = 490_000
NOW = (FIRST + 10) * 3600.0 + 1800.0
L4 = Unit("nvidia-l4", 2, 800_000, 72)
UNPRICED = Unit("mystery", 1, None, None)
PRICE = Price(name="g6.xlarge", amount="0.80", source="a price list", date="2026-07-20")
CLASSES = {
    "nvidia-l4": AcceleratorClassSpec(
        vendor="NVIDIA", display_name="L4", prices=(PRICE,), watts_per_chip=72, resource_name="nvidia.com/gpu"
    )
}


def hour(number: int, unit: Unit = L4, **amounts: float) -> Row:
    return Row(FIRST + number, unit, Amounts(**amounts))


CHAT = Source(
    "serving",
    "chat",
    Page("serving", "chat", FIRST * 3600.0, (FIRST + 10) * 3600.0, False, 4, L4,
         (hour(2, starting=120.0, busy=3000.0, idle=480.0, keda=3600.0, knative=3600.0),
          hour(3, busy=1800.0, idle=300.0, tail=600.0, keda=2100.0, knative=2000.0))),
    Meter(FIRST * 3600.0, NOW - 900.0, Day(0.0, 0.0), Running((Group(L4, 0, 1),), 1),
          books=Books(hours=(hour(10, busy=900.0),))),
    4, L4,
)  # fmt: skip
OLD_PAGE = Page(
    "serving", "old", FIRST * 3600.0, (FIRST + 2) * 3600.0, True, 1, UNPRICED,
    (hour(1, UNPRICED, busy=3600.0),),
)  # fmt: skip
OLD = Source("serving", "old", OLD_PAGE, None, 1, UNPRICED)
FOUND = Found([CHAT, OLD], CLASSES, 0)


def shown(output: str, found: Found = FOUND, since: float = NOW - 86_400) -> str:
    return report.rendered(found, output, since, NOW)


def test_the_table_has_a_line_for_each_pool_and_says_what_it_assumes() -> None:
    text = shown("table")
    chat = next(line for line in text.splitlines() if line.startswith("serving/chat"))
    # 8,100 s of two chips: 4.5 hours; a fleet of four replicas costs $67.20 in the 10.5 hours.
    assert re.split(r" {2,}", chat) == [
        "serving/chat", "$3.60", "4.5", "0.067", "3.7", "0.43", "0.0", "0.33", "324 Wh", "$63.60",
        "-$1.07", "-$1.11",
    ]  # fmt: skip
    assert "serving/old (deleted)" in text
    assert "nvidia-l4: $0.8 per chip and hour, 72 W; a price list, 2026-07-20." in text
    assert "mystery: the price of a chip is unknown" in text
    assert next(line for line in text.splitlines() if line.startswith("total")).count("?") >= 3


def test_the_running_hour_goes_on_until_now() -> None:
    (live,) = json.loads(shown("json", Found([CHAT], CLASSES, 0)))["pools"]
    assert live["acceleratorSeconds"]["busy"] == 2 * (3000.0 + 1800.0 + 1800.0)


def test_what_is_not_known_is_null_and_never_nothing() -> None:
    chat, old = json.loads(shown("json"))["pools"]
    assert (old["dollars"], old["wattHours"], old["savedDollars"]["alwaysOn"]) == (None, None, None)
    assert chat["dollars"] == pytest.approx(3.6)


def test_csv_has_a_line_for_each_hour() -> None:
    lines = list(csv.DictReader(io.StringIO(shown("csv"))))
    assert [each["pool"] for each in lines] == ["chat", "chat", "chat", "old"]
    assert lines[0]["busy_accelerator_seconds"] == "6000.0"
    assert lines[0]["dollars_per_chip_hour"] == "0.8"
    assert lines[3]["dollars"] == ""


def test_html_is_one_file_that_loads_nothing() -> None:
    text = shown("html")
    assert "<svg" in text
    assert "serving/chat" in text
    assert not re.search(r"<script|<link|src=|href=\"http", text)


def test_only_the_span_that_was_asked_for_counts() -> None:
    assert shown("table", since=NOW - 3600 * 2).count("serving/") == 1


@pytest.mark.parametrize("output", report.OUTPUTS)
def test_without_any_bill_there_is_an_answer(output: str) -> None:
    assert shown(output, Found([], {}, 3))


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("24h", 86_400), ("7d", 604_800)])
def test_spans(text: str, seconds: int) -> None:
    assert report._span(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1w", "0h", "999999d"])
def test_no_spans(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        report._span(text)


def test_the_command_prints_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    async def read(args: Namespace, now: float) -> Found:
        return FOUND

    parser = ArgumentParser()
    report.add_arguments(parser)
    assert report.run(parser.parse_args(["--since=1d"]), read, lambda: NOW) == 0
    assert "serving/chat" in capsys.readouterr().out


def test_a_missing_library_is_named_with_the_command_that_installs_it() -> None:
    class WithoutPlots:
        @staticmethod
        def add_arguments(parser: ArgumentParser) -> None:
            """None."""

        @staticmethod
        def run(args: Namespace) -> int:
            raise ModuleNotFoundError(name="matplotlib.figure")

    with pytest.raises(SystemExit, match=r"report needs matplotlib: pip install 'poolkeeper\[backtest\]'"):
        cli.main(["report"], lambda _: WithoutPlots)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"metadata": None, "status": 3},
        {"metadata": {"uid": "a", "namespace": "n", "name": "m"}, "status": {"cost": {"account": "1:x"}}},
    ],
)
def test_pools_that_others_have_written_are_read_whatever_they_hold(raw: dict[str, object]) -> None:
    assert _live(raw, {}, NOW) is None


def test_a_pool_goes_on_from_its_status() -> None:
    assert CHAT.meter is not None
    raw = {
        "metadata": {"uid": "a", "namespace": "serving", "name": "chat"},
        "spec": {"replicas": {"max": 4}},
        "status": {"cost": {"account": to_text(CHAT.meter)}},
    }
    found = _live(raw, {}, NOW)
    assert found is not None
    assert found.meter == CHAT.meter._replace(is_resumed=True)


def test_a_missing_right_is_named_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    async def read(args: Namespace, now: float) -> Found:
        raise ApiError(403, "Forbidden", "configmaps is forbidden")

    parser = ArgumentParser()
    report.add_arguments(parser)
    assert report.run(parser.parse_args(["--operator-namespace=ops"]), read, lambda: NOW) == 1
    said = capsys.readouterr().err
    assert said.startswith("poolkeeper report: configmaps is forbidden. Run it on your machine")
    assert "configmaps in the namespace ops" in said
