"""Logs of every command in one form: one JSON object per line, or text for people.

Keys of the JSON: time, level, logger, message; pool and reason where the line is about a pool; error with a
traceback; an access log line has the fields of its request besides.
"""

import json
import logging
import sys

from poolkeeper.api.timestamps import format_micro_time

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("json", "text")
NAMED_KEYS = ("pool", "reason")
MORE_FIELDS = "fields"
"""Attribute of a log record: a mapping with further keys and values for its JSON line."""

_encode = json.JSONEncoder(ensure_ascii=False).encode


class JsonFormatter(logging.Formatter):
    """One JSON object per record.

    python-json-logger would not be shorter: level, time and error need own code there too, and kopf's private
    `extra` fields would have to be kept out of each line.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line: dict[str, object] = {
            "time": format_micro_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: str(getattr(record, key)) for key in NAMED_KEYS if hasattr(record, key)}
        line |= getattr(record, MORE_FIELDS, {})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _encode(line)


class TextFormatter(logging.Formatter):
    """Time, level, message and pool, for people."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:7} {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """The record, followed by its pool."""
        pool = getattr(record, "pool", None)
        text = super().format(record)
        return f"{text} [{pool}]" if pool else text


def configure_logs(level: str, log_format: str) -> None:
    """Log to standard error. Libraries log from WARNING on, with level debug from DEBUG on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.getLogger("poolkeeper").setLevel(level.upper())
    # No line contains these, and finding them out costs more than writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
