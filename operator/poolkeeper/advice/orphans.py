"""How to look at requests in Redis whose worker is gone, and how to have them done after all.

The operator never moves a request itself: only its owner knows whether doing it twice is harmless.
"""

from typing import NamedTuple

from poolkeeper.api.demand import DemandSource, RedisConnection, RedisList, RedisStream
from poolkeeper.core.values.spec import unmoved_seconds

LONGEST_NAME = 80
"""Characters of a key in a command; a longer one is replaced by what it is, in capitals."""
SHOWN_ENTRIES = 100


class Remedy(NamedTuple):
    """Two commands for a shell, such as that of Redis' pod."""

    look: str
    """Lists the requests in flight, those that do not move among them."""
    put_back: str
    """Has one done after all. For a stream a worker must send it, under its own name as CONSUMER: it gets the
    entries and does them."""


def remedy(source: DemandSource, *, are_all: bool) -> Remedy | None:
    """The commands for a source; None where no request outlives its worker. `are_all` says whether all
    requests in flight are orphans, so that any of them may be put back."""
    if source.redis_stream is not None:
        return _of_stream(source.redis_stream, unmoved_seconds(source.max_service_seconds))
    if source.redis_list is not None and source.redis_list.processing_list is not None:
        return _of_list(source.redis_list, source.redis_list.processing_list, are_all=are_all)
    return None


def _of_list(declared: RedisList, processing: str, *, are_all: bool) -> Remedy:
    client, waiting = _client(declared), quoted(declared.list, "LIST")
    taken = quoted(processing, "PROCESSING_LIST")
    look = f"{client} LRANGE {taken} 0 {SHOWN_ENTRIES - 1}"
    if are_all:
        return Remedy(look, f"{client} LMOVE {taken} {waiting} RIGHT LEFT")
    return Remedy(look, f"{client} RPUSH {waiting} ENTRY && {client} LREM {taken} 1 ENTRY")


def _of_stream(declared: RedisStream, seconds: float) -> Remedy:
    client, stream = _client(declared), quoted(declared.stream, "STREAM")
    group, milliseconds = quoted(declared.group, "GROUP"), int(seconds * 1000)
    return Remedy(
        f"{client} XPENDING {stream} {group} IDLE {milliseconds} - + {SHOWN_ENTRIES}",
        f"{client} XAUTOCLAIM {stream} {group} CONSUMER {milliseconds} 0",
    )


def _client(declared: RedisConnection) -> str:
    return f"redis-cli -n {declared.database}" if declared.database else "redis-cli"


def quoted(name: str, what: str) -> str:
    """A key as one word of a shell's command line, on one line; `what` instead of one that is too long."""
    if len(name) > LONGEST_NAME:
        return what
    if name.isascii() and name.replace("-", "").replace("_", "").replace(":", "").replace(".", "").isalnum():
        return name
    if name.isprintable():
        return "'" + name.replace("'", "'\\''") + "'"
    escaped = "".join(_escaped(letter) for letter in name)
    return what if len(escaped) > LONGEST_NAME else f"$'{escaped}'"


def _escaped(letter: str) -> str:
    if letter in "'\\":
        return f"\\{letter}"
    return letter if letter.isprintable() else "".join(f"\\x{byte:02x}" for byte in letter.encode())
