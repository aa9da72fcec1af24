"""One line per request, without bodies, headers, query strings or what else may hold a credential."""

import logging
from dataclasses import dataclass, fields

logger = logging.getLogger("poolkeeper.activator.access")
_MESSAGE = "%s %s -> %d %s"


@dataclass(slots=True)
class AccessEntry:
    """What is known about a request when it ends; every field is logged."""

    pool: str
    method: str
    path: str
    client_address: str
    status: int = 0
    waited_seconds: float = 0.0
    total_seconds: float = 0.0
    replica: str = ""
    sent_bytes: int = 0
    outcome: str = ""

    def write(self) -> None:
        """Log it. The record is made here: logging would search the stack for who has called it."""
        if not logger.isEnabledFor(logging.INFO):
            return
        self.waited_seconds = round(self.waited_seconds, 4)
        self.total_seconds = round(self.total_seconds, 4)
        words = (self.method, self.path, self.status, self.outcome)
        record = logging.LogRecord(logger.name, logging.INFO, __file__, 0, _MESSAGE, words, None)
        record.pool = self.pool
        record.fields = {key: getattr(self, key) for key in _KEYS}
        logger.handle(record)


_KEYS = tuple(field.name for field in fields(AccessEntry) if field.name != "pool")


def path_only(target: bytes) -> str:
    """A target without its query, as printable ASCII of at most 256 characters."""
    path = target.partition(b"?")[0][:256]
    return "".join(chr(byte) if 32 < byte < 127 else "?" for byte in path)
