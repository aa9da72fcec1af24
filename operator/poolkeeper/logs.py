"""Logs for machines (one JSON object a line) or for people; what is about a pool names it."""

import json
import logging
import sys

from poolkeeper.api.timestamps import format_micro_time

EXTRA_FIELDS = ("pool", "reason")


class JsonFormatter(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = {
            "time": format_micro_time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {field: str(getattr(record, field)) for field in EXTRA_FIELDS if hasattr(record, field)}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """A line that is pleasant to read."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname:7} {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """The record, led by its pool."""
        pool = getattr(record, "pool", None)
        text = super().format(record)
        return f"{text} [{pool}]" if pool else text


def configure_logs(level: str, log_format: str) -> None:
    """Log to stderr from now on; libraries speak up from WARNING, or from DEBUG if that is asked for."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.getLogger("poolkeeper").setLevel(level.upper())
