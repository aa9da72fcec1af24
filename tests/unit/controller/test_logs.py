"""What a log line looks like."""

import json
import logging
import sys

from poolkeeper.logs import JsonFormatter, TextFormatter


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("poolkeeper.controller.loop.loop", logging.INFO, "", 0, message, (), None)
    vars(made).update(fields)
    return made


def test_a_line_about_a_pool_names_it() -> None:
    line = json.loads(JsonFormatter().format(record("0 → 1", pool="ns/chat", reason="StartAtOnce")))
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
