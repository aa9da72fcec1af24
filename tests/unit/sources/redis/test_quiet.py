"""For how long no worker has taken a job: what a server shows of it, and what it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.sources.redis.quiet import (
    LOOK_SECONDS,
    MOST_CLIENTS,
    REFUSED_SECONDS,
    UNUSED_SECONDS,
    Quiet,
    clients,
)
from poolkeeper.sources.redis.replies import Digest, Reply

FEW = b"# Clients\r\nconnected_clients:3\r\nblocked_clients:1\r\n"
STATS = b"# Commandstats\r\ncmdstat_llen:calls=80,usec=9\r\ncmdstat_rpush:calls=7,usec=119\r\n"
US = "id=9 addr=10.0.0.1:1 age=5000 idle=0 flags=N db=0 cmd=client|list user=default"


class Clock:
    """Seconds that only a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock) -> Quiet:
    """Watched for an hour already, in which nobody was seen."""
    made = Quiet(0, clock)
    clock.now += 3600.0
    return made


def client(number: int, command: str, *, idle: int = 0, age: int = 5000, db: int = 0) -> str:
    flags = "b" if command.startswith(("b", "bz")) else "N"
    return f"id={number} addr=10.0.0.2:5 age={age} idle={idle} flags={flags} db={db} cmd={command} resp=2"


def listed(*lines: str) -> bytes:
    return "\n".join((US, *lines, "")).encode()


@pytest.mark.parametrize(
    ("lines", "quiet_seconds"),
    [
        ((), None),
        ((client(1, "get", idle=50),), None),
        ((client(1, "lpop", idle=50),), None),
        ((client(1, "brpop", idle=50, db=3),), None),
        ((client(1, "brpop", idle=50),), 49.0),
        ((client(1, "BRPOP", idle=50),), 49.0),
        ((client(1, "blmove", idle=50), client(2, "bzpopmin", idle=20)), 19.0),
        ((client(1, "brpop", idle=50), client(2, "brpop", idle=0)), 0.0),
        ((client(1, "brpop", idle=50), client(2, "lpop", idle=3)), 2.0),
        ((client(1, "brpop", idle=50), client(2, "set", age=8)), 8.0),
        ((client(1, "brpop", idle=50), client(2, "set", age=8, db=3)), 49.0),
        ((client(1, "brpop", idle=5000), client(2, "replconf", idle=1)), 3600.0),
        ((client(1, "brpop", idle=50), client(2, "client|list", age=3)), 49.0),
    ],
)
def test_what_the_clients_of_a_server_show(
    server: Quiet, lines: tuple[str, ...], quiet_seconds: float | None
) -> None:
    server.look_at_clients(listed(*lines))
    assert server.seconds == quiet_seconds


def test_a_worker_that_was_seen_to_wait_and_does_something_else_may_work(server: Quiet) -> None:
    """It marks its job in the server, and its colleague waits."""
    server.look_at_clients(listed(client(1, "brpop", idle=50), client(2, "brpop", idle=60)))
    server.look_at_clients(listed(client(1, "brpop", idle=55), client(2, "set", idle=4)))
    assert server.seconds == 0.0
    server.look_at_clients(listed(client(1, "brpop", idle=60)))
    assert server.seconds == 59.0


def test_a_worker_that_was_never_seen_to_wait_counts_for_as_long_as_it_was_watched(clock: Clock) -> None:
    """It may have begun its job before the operator looked for the first time."""
    server = Quiet(0, clock)
    lines = listed(client(1, "brpop", idle=5000), client(2, "set", idle=4))
    server.look_at_clients(lines)
    assert server.seconds == 0.0
    clock.now += 40.0
    server.look_at_clients(lines)
    assert server.seconds == 40.0


@pytest.mark.parametrize(
    ("lines", "pause_seconds"),
    [((client(1, "brpop", idle=5),), LOOK_SECONDS), ((client(1, "get"),), UNUSED_SECONDS)],
)
def test_the_next_look_comes_later_where_nobody_waits(
    server: Quiet, clock: Clock, lines: tuple[str, ...], pause_seconds: float
) -> None:
    assert server.is_due()
    for _ in range(2):
        server.look_at_pushes(STATS)
        server.look_at_clients(listed(*lines))
    clock.now += pause_seconds - 0.1
    assert not server.is_due()
    clock.now += 0.1
    assert server.is_due()


def test_the_next_look_comes_early_where_something_was_pushed(server: Quiet, clock: Clock) -> None:
    server.look_at_pushes(STATS)
    server.look_at_clients(listed(client(1, "get")))
    clock.now += LOOK_SECONDS
    assert server.is_due()


@pytest.mark.parametrize("reply", [None, 7, Digest(b"x" * 64)])
def test_a_server_that_refuses_the_list_is_asked_again_after_an_hour(
    server: Quiet, clock: Clock, reply: Reply
) -> None:
    assert server.may_list(FEW)
    server.look_at_clients(reply)
    clock.now += REFUSED_SECONDS - 0.1
    assert not server.may_list(FEW)
    clock.now += 0.1
    assert server.may_list(FEW)


@pytest.mark.parametrize(
    ("info", "may_list"),
    [
        (FEW, True),
        (b"connected_clients:%d\r\n" % MOST_CLIENTS, True),
        (b"connected_clients:%d\r\n" % (MOST_CLIENTS + 1), False),
        (b"# Clients\r\n", False),
        (b"connected_clients:-1\r\n", False),
        (b"connected_clients:many\r\n", False),
        (None, False),
    ],
)
def test_many_clients_are_not_listed(server: Quiet, info: Reply, may_list: bool) -> None:
    assert server.may_list(info) is may_list
    assert server.may_list(FEW) is may_list


def stats(**calls: int) -> bytes:
    lines = (f"cmdstat_{command}:calls={number},usec={17 * number}" for command, number in calls.items())
    return "\r\n".join(("# Commandstats", *lines, "")).encode()


@pytest.mark.parametrize(
    ("after", "quiet_seconds"),
    [
        (stats(llen=900, rpush=7, brpop=60), 10.0),
        (stats(llen=900, rpush=8, brpop=60), 0.0),
        (stats(llen=900, rpush=7, brpop=60, lpush=1), 0.0),
        (stats(llen=900, RPUSH=7, brpop=60), 0.0),
        (stats(llen=900, rpush=7, brpop=60, lmove=1), 0.0),
        (stats(), None),
        (Digest(b"x" * 64), None),
        (None, None),
    ],
)
def test_no_job_comes_while_no_command_that_pushes_is_counted(
    server: Quiet, clock: Clock, after: Reply, quiet_seconds: float | None
) -> None:
    """Whatever the workers do meanwhile, and for however short a time they wait."""
    server.look_at_pushes(STATS)
    assert server.seconds == 0.0
    clock.now += 10.0
    server.look_at_pushes(after)
    assert server.seconds == quiet_seconds


def test_of_two_signs_the_longer_time_counts(server: Quiet, clock: Clock) -> None:
    """Each shows by itself that no job was taken: others may push, and others may wait for a second only."""
    server.look_at_pushes(STATS)
    server.look_at_clients(listed(client(1, "brpop", idle=50)))
    assert server.seconds == 49.0
    clock.now += 100.0
    server.look_at_pushes(STATS)
    server.look_at_clients(listed(client(1, "brpop", idle=0)))
    assert server.seconds == 100.0


@given(st.binary(max_size=300), st.binary(max_size=50))
def test_whatever_a_server_lists_is_read_without_failing(text: bytes, value: bytes) -> None:
    server = Quiet(0, Clock())
    server.look_at_clients(text)
    server.look_at_clients(b"id=" + value + b" db=0 age=1 idle=" + value + b" cmd=brpop\n")
    assert server.seconds is None or server.seconds >= 0.0
    server.may_list(b"connected_clients:" + value)
    server.look_at_pushes(text)
    server.look_at_pushes(b"cmdstat_" + value)


def test_a_line_that_lacks_something_is_left_out() -> None:
    lines = [client(1, "get"), "id=2 db=0 age=3", "", "id=4 db=x age=3 idle=1 cmd=get", client(5, "set")]
    assert [each.number for each in clients("\n".join(lines).encode())] == [1, 5]
