"""For how long no worker has taken a job from any list of a server, as far as its list of clients shows it.

A job that a worker in BRPOP gets is never in the list, so its length shows nothing of it. But CLIENT LIST
says of each client what it asked for last, and how many seconds ago it asked or was answered. If the workers
that wait have all waited for 60 s, none has taken a job for 60 s. All doubts make that time shorter: a worker
that does something else may work, a client that was never seen to wait may be a worker, and clients of other
pools count as well. Workers that wait for a second at a time show nothing: it is never above a second.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from poolkeeper.sources.redis.replies import Digest, Reply

WAITING = frozenset({"blpop", "brpop", "blmpop", "brpoplpush", "blmove", "bzpopmin", "bzpopmax", "bzmpop"})
TAKING = WAITING | {"lpop", "rpop", "lmpop", "rpoplpush", "lmove"}
OURSELVES = frozenset({"client", "client|list"})
"""Another replica of the operator, which asks for the same, takes nothing either."""

LOOK_SECONDS = 5.0
"""Between two looks. Source: chosen; a job that is taken between the last look and a stop is unseen."""
NOBODY_SECONDS = 60.0
"""The same where no client waits, as for pools at zero. Source: chosen; a request a minute per server."""
REFUSED_SECONDS = 3600.0
"""The same where the list is refused or there are too many clients. Source: chosen; both change rarely."""
MOST_CLIENTS = 500
MOST_BYTES = 256 * 1024
"""Of the list of as many clients, at about 400 bytes each."""


class Client(NamedTuple):
    """A connection to the server."""

    number: int
    """Its id, which no other connection of that server ever has."""
    database: int
    age: int
    """Seconds since it connected."""
    idle: int
    """Seconds since it last asked for something, or was answered."""
    command: str
    """The last that it asked for, in lower case."""


class WaitingWorkers:
    """What the clients of one server show, from look to look; `clock` is monotonic."""

    def __init__(self, database: int, clock: Callable[[], float]) -> None:
        self.quiet_seconds: float | None = None
        """For how long at least no worker has taken a job, at the last look; None where that is not known."""
        self._database = database
        self._clock = clock
        self._watched_since = clock()
        self._due_at = self._watched_since
        self._workers: frozenset[int] = frozenset()

    def is_due(self) -> bool:
        """Whether to look now."""
        return self._clock() >= self._due_at

    def are_too_many(self, info: Reply) -> bool:
        """Whether the server has more clients than are looked at, by the section `clients` of INFO."""
        if isinstance(info, bytes) and 0 <= _number(_fields(info.split(), b":"), "connected_clients") <= (
            MOST_CLIENTS
        ):
            return False
        self._show(None, REFUSED_SECONDS)
        return True

    def look(self, listed: Reply) -> None:
        """Take in the list of clients."""
        if not isinstance(listed, bytes) or isinstance(listed, Digest):
            self._show(None, REFUSED_SECONDS)
            return
        here = [client for client in clients(listed) if client.database == self._database]
        taking = frozenset(client.number for client in here if client.command in TAKING)
        self._workers = taking | (self._workers & {client.number for client in here})
        if not any(client.command in WAITING for client in here):
            self._show(None, NOBODY_SECONDS)
            return
        watched = self._clock() - self._watched_since
        shown = [self._quiet(client, watched) for client in here if client.command not in OURSELVES]
        self._show(min(shown), LOOK_SECONDS)

    def _quiet(self, client: Client, watched_seconds: float) -> float:
        """For how long this client has taken nothing. The seconds of the list are rounded."""
        if client.command in TAKING:
            return max(client.idle - 1.0, 0.0)
        return 0.0 if client.number in self._workers else min(client.age, watched_seconds)

    def _show(self, quiet_seconds: float | None, pause_seconds: float) -> None:
        self.quiet_seconds = quiet_seconds
        self._due_at = self._clock() + pause_seconds


def clients(listed: bytes) -> Iterator[Client]:
    """The clients that CLIENT LIST shows, a line each; a line that lacks something is left out."""
    for line in listed.splitlines():
        shown = _fields(line.split(), b"=")
        number, database, age, idle = (_number(shown, name) for name in ("id", "db", "age", "idle"))
        if min(number, database, age, idle) >= 0:
            yield Client(number, database, age, idle, shown.get("cmd", "").lower())


def _fields(words: list[bytes], separator: bytes) -> dict[str, str]:
    parts = (word.partition(separator) for word in words)
    return {name.decode("ascii", "replace"): value.decode("ascii", "replace") for name, _, value in parts}


def _number(shown: dict[str, str], name: str) -> int:
    """-1 where there is none."""
    digits = shown.get(name, "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else -1
