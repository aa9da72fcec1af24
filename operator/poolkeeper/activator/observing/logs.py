"""Logs as one JSON object per line."""

import json
import logging
from dataclasses import fields
from datetime import UTC, datetime

from poolkeeper.activator.observing import access_log

_encode = json.JSONEncoder().encode
_ENTRY = tuple(field.name for field in fields(access_log.AccessEntry))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry = getattr(record, "entry", None)
        if isinstance(entry, access_log.AccessEntry):
            line |= {name: getattr(entry, name) for name in _ENTRY}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _encode(line)


def set_up_logs(level: str, *, access: bool) -> None:
    """Log to standard error; `access` says whether each request gets a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    access_log.log.disabled = not access
    # No line says these, and finding them out costs more than writing the line.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
