"""One line per request, without anything that may hold a credential: no body, header or query string."""

import logging
import re
from dataclasses import dataclass, fields

logger = logging.getLogger("poolkeeper.activator.access")
_MESSAGE = "%s %s -> %d %s"
_USER = re.compile(rb"\A([A-Za-z]+://)[^/]*@")


@dataclass(slots=True)
class AccessEntry:
    """What is known about a request when it ends; every field is logged."""

    pool: str
    """`namespace/name`."""
    method: str
    """`PRI` for a spliced HTTP/2 connection."""
    path: str
    """Without the query; `*` for a spliced HTTP/2 connection."""
    client_address: str
    """IP address of the other end of the connection."""
    status: int = 0
    """HTTP status of the answer; 0 if there was none."""
    waited_seconds: float = 0.0
    """Time from the request's arrival until a replica accepted its connection, or until it was refused."""
    total_seconds: float = 0.0
    """Time from the request's head until the end of its answer."""
    replica: str = ""
    """IP address of the replica; empty if no replica got the request."""
    sent_bytes: int = 0
    """Bytes of the answer's body."""
    outcome: str = ""
    """Answered, Closed, ClientGone or the cause of a refusal."""

    def write(self) -> None:
        """Log it. The record is made here, because logging would search the stack for the caller."""
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
    """A target without its query and user, as printable ASCII of at most 256 characters."""
    path = _USER.sub(rb"\1", target.partition(b"?")[0])[:256]
    return "".join(chr(byte) if 32 < byte < 127 else "?" for byte in path)
