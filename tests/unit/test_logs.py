"""What a log line looks like, the same for every command."""

import json
import logging
import sys
from argparse import ArgumentParser

import pytest

from poolkeeper.activator.observing import access_log
from poolkeeper.commands import activator, controller
from poolkeeper.logs import JsonFormatter, TextFormatter


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("poolkeeper.controller.loop.loop", logging.INFO, "", 0, message, (), None)
    vars(made).update(fields)
    return made


def test_a_line_about_a_pool_names_it() -> None:
    line = json.loads(JsonFormatter().format(record("0 → 1", pool="ns/chat", reason="StartAtOnce")))
    assert list(line) == ["time", "level", "logger", "message", "pool", "reason"]
    assert line["pool"] == "ns/chat"
    assert line["reason"] == "StartAtOnce"
    assert line["message"] == "0 → 1"
    assert line["level"] == "info"


def test_a_line_with_line_breaks_and_an_error_stays_one_line() -> None:
    try:
        raise ValueError("bad\nthing")
    except ValueError:
        text = JsonFormatter().format(record("a\nb", exc_info=sys.exc_info()))
    assert "\n" not in text
    assert "ValueError" in json.loads(text)["error"]


def test_text_is_for_people() -> None:
    assert TextFormatter().format(record("hello", pool="ns/chat")).endswith("INFO    hello [ns/chat]")


def test_a_request_is_one_line_with_the_same_keys_and_its_own(caplog: pytest.LogCaptureFixture) -> None:
    entry = access_log.AccessEntry(
        "ns/chat", "POST", "/v1/completions", "10.0.0.1", status=200, waited_seconds=1.5
    )
    with caplog.at_level(logging.INFO, access_log.logger.name):
        entry.write()
    (written,) = caplog.records
    line = json.loads(JsonFormatter().format(written))
    assert list(line)[:5] == ["time", "level", "logger", "message", "pool"]
    assert (line["pool"], line["status"], line["waited_seconds"]) == ("ns/chat", 200, 1.5)
    assert TextFormatter().format(written).endswith("POST /v1/completions -> 200  [ns/chat]")


@pytest.mark.parametrize("arguments", [["controller"], ["activator", "--token-file", "t"]])
def test_commands_have_the_same_flags_in_either_case(arguments: list[str]) -> None:
    parser = ArgumentParser()
    {"controller": controller, "activator": activator}[arguments[0]].add_arguments(parser)
    assert parser.parse_args(arguments[1:]).log_level == "info"
    args = parser.parse_args([*arguments[1:], "--log-level=WARNING", "--log-format=TEXT"])
    assert (args.log_level, args.log_format) == ("warning", "text")
