"""Logs as one JSON object per line."""

import json
import logging
from dataclasses import fields
from datetime import UTC, datetime

from poolkeeper.activator import access_log


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
            line |= {field.name: getattr(entry, field.name) for field in fields(entry)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up_logs(level: str, *, access: bool) -> None:
    """Log to standard error; `access` says whether each request gets a line."""
    handler = logging.StreamHandler()
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    access_log.log.disabled = not access
