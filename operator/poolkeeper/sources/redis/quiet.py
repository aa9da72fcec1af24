"""For how long no worker has taken a job from any list of a server, as far as the server shows it.

A job that a worker in BRPOP gets is never in the list, so the list's length shows nothing of it. Two other
things do, each by itself, and for the whole server, so that other users of it only make the time shorter:

- INFO counts the commands that push into lists. While none is counted, no job comes.
- CLIENT LIST says of each client what it asked for last, and how many seconds ago it asked or was answered.
  If the workers that wait have all waited for 60 s, none has taken a job for 60 s. A worker that does
  something else may work, and a client that was never seen to wait may be a worker. Workers that wait for a
  second at a time show nothing: it is never above a second.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from poolkeeper.sources.redis.replies import Digest, Reply

WAITING = frozenset({"blpop", "brpop", "blmpop", "brpoplpush", "blmove", "bzpopmin", "bzpopmax", "bzmpop"})
TAKING = WAITING | {"lpop", "rpop", "lmpop", "rpoplpush", "lmove"}
OURSELVES = frozenset({"client", "client|list"})
"""Another replica of the operator, which asks for the same, takes nothing either."""
PUSHING = frozenset(
    {"lpush", "rpush", "lpushx", "rpushx", "linsert", "lmove", "blmove", "rpoplpush", "brpoplpush"}
    | {"rename", "renamenx", "copy", "move", "restore", "restore-asking", "sort", "swapdb"}
)
"""Commands that may put a job into a list, also within a script or a transaction."""

LOOK_SECONDS = 5.0
"""Between two looks. Source: chosen; a job that is taken between the last look and a stop is unseen."""
UNUSED_SECONDS = 60.0
"""The same where nothing was pushed since the last look and no client is seen to wait, as for pools at zero.
Source: chosen; two requests a minute."""
REFUSED_SECONDS = 3600.0
"""Until clients are listed again where that is refused, or where there are too many. Source: chosen."""
MOST_CLIENTS = 500
MOST_BYTES = 256 * 1024
"""Of one answer, such as the list of as many clients at about 400 bytes each."""


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


class Quiet:
    """What one server shows, from look to look; `clock` is monotonic."""

    def __init__(self, database: int, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._watched_since = self._due_at = self._list_at = clock()
        self._by_pushes: float | None = None
        self._by_workers: float | None = None
        self._pushed: frozenset[bytes] | None = None
        self._pushed_at = self._watched_since
        self._workers: frozenset[int] = frozenset()

    @property
    def seconds(self) -> float | None:
        """For how long at least no worker has taken a job, at the last look; None where nothing shows it."""
        return max((each for each in (self._by_pushes, self._by_workers) if each is not None), default=None)

    def is_due(self) -> bool:
        """Whether to look now."""
        return self._clock() >= self._due_at

    def look_at_pushes(self, stats: Reply) -> None:
        """Take in the section `commandstats` of INFO: a line such as `cmdstat_rpush:calls=7,usec=…`."""
        self._due_at = self._clock() + UNUSED_SECONDS
        lines = stats.splitlines() if isinstance(stats, bytes) else []
        counts = {line.partition(b",")[0] for line in lines if line.startswith(b"cmdstat_")}
        if not counts:
            self._by_pushes = None
            return
        pushed = frozenset(count for count in counts if _command(count) in PUSHING)
        if pushed != self._pushed:
            self._pushed, self._pushed_at = pushed, self._clock()
            self._due_at = self._clock() + LOOK_SECONDS
        self._by_pushes = self._clock() - self._pushed_at

    def may_list(self, info: Reply) -> bool:
        """Whether to list the clients: not too many, by the section `clients` of INFO, nor refused lately."""
        if self._clock() < self._list_at:
            return False
        connected = (
            _number(_fields(info.split(), b":"), "connected_clients") if isinstance(info, bytes) else -1
        )
        if not 0 <= connected <= MOST_CLIENTS:
            self._give_up_listing()
            return False
        return True

    def look_at_clients(self, listed: Reply) -> None:
        """Take in the answer to CLIENT LIST."""
        if not isinstance(listed, bytes) or isinstance(listed, Digest):
            self._give_up_listing()
            return
        here = [client for client in clients(listed) if client.database == self._database]
        taking = frozenset(client.number for client in here if client.command in TAKING)
        self._workers = taking | (self._workers & {client.number for client in here})
        if not any(client.command in WAITING for client in here):
            self._by_workers = None
            return
        watched = self._clock() - self._watched_since
        self._by_workers = min(self._quiet(each, watched) for each in here if each.command not in OURSELVES)
        self._due_at = self._clock() + LOOK_SECONDS

    def _quiet(self, client: Client, watched_seconds: float) -> float:
        """For how long this client has taken nothing. The seconds of the list are rounded."""
        if client.command in TAKING:
            return max(client.idle - 1.0, 0.0)
        return 0.0 if client.number in self._workers else min(client.age, watched_seconds)

    def _give_up_listing(self) -> None:
        self._by_workers, self._list_at = None, self._clock() + REFUSED_SECONDS


def clients(listed: bytes) -> Iterator[Client]:
    """The clients that CLIENT LIST shows, a line each; a line that lacks something is left out."""
    for line in listed.splitlines():
        shown = _fields(line.split(), b"=")
        number, database, age, idle = (_number(shown, name) for name in ("id", "db", "age", "idle"))
        if min(number, database, age, idle) >= 0:
            yield Client(number, database, age, idle, shown.get("cmd", "").lower())


def _command(count: bytes) -> str:
    """Of `cmdstat_rpush:calls=7`: rpush."""
    return count.removeprefix(b"cmdstat_").partition(b":")[0].decode("ascii", "replace").lower()


def _fields(words: list[bytes], separator: bytes) -> dict[str, str]:
    parts = (word.partition(separator) for word in words)
    return {name.decode("ascii", "replace"): value.decode("ascii", "replace") for name, _, value in parts}


def _number(shown: dict[str, str], name: str) -> int:
    """-1 where there is none."""
    digits = shown.get(name, "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else -1
