"""For how long no worker has taken a job: what CLIENT LIST shows of it, and what it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.sources.redis.replies import Digest, Reply
from poolkeeper.sources.redis.waiting_workers import (
    LOOK_SECONDS,
    MOST_CLIENTS,
    NOBODY_SECONDS,
    REFUSED_SECONDS,
    WaitingWorkers,
    clients,
)

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
def workers(clock: Clock) -> WaitingWorkers:
    """Watched for an hour already, in which nobody was seen."""
    made = WaitingWorkers(0, clock)
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
    workers: WaitingWorkers, lines: tuple[str, ...], quiet_seconds: float | None
) -> None:
    workers.look(listed(*lines))
    assert workers.quiet_seconds == quiet_seconds


def test_a_worker_that_was_seen_to_wait_and_does_something_else_may_work(workers: WaitingWorkers) -> None:
    """It marks its job in the server, and its colleague waits."""
    workers.look(listed(client(1, "brpop", idle=50), client(2, "brpop", idle=60)))
    workers.look(listed(client(1, "brpop", idle=55), client(2, "set", idle=4)))
    assert workers.quiet_seconds == 0.0
    workers.look(listed(client(1, "brpop", idle=60)))
    assert workers.quiet_seconds == 59.0


def test_a_worker_that_was_never_seen_to_wait_counts_for_as_long_as_it_was_watched(clock: Clock) -> None:
    """It may have begun its job before the operator looked for the first time."""
    workers = WaitingWorkers(0, clock)
    lines = listed(client(1, "brpop", idle=5000), client(2, "set", idle=4))
    workers.look(lines)
    assert workers.quiet_seconds == 0.0
    clock.now += 40.0
    workers.look(lines)
    assert workers.quiet_seconds == 40.0


@pytest.mark.parametrize(
    ("reply", "pause_seconds"),
    [
        (listed(client(1, "brpop", idle=5)), LOOK_SECONDS),
        (listed(client(1, "get")), NOBODY_SECONDS),
        (None, REFUSED_SECONDS),
        (7, REFUSED_SECONDS),
        (Digest(b"x" * 64), REFUSED_SECONDS),
    ],
)
def test_the_next_look_comes_the_later_the_less_there_is_to_see(
    workers: WaitingWorkers, clock: Clock, reply: Reply, pause_seconds: float
) -> None:
    assert workers.is_due()
    workers.look(reply)
    clock.now += pause_seconds - 0.1
    assert not workers.is_due()
    clock.now += 0.1
    assert workers.is_due()


@pytest.mark.parametrize(
    ("info", "are_too_many"),
    [
        (b"# Clients\r\nconnected_clients:3\r\nblocked_clients:1\r\n", False),
        (b"connected_clients:%d\r\n" % MOST_CLIENTS, False),
        (b"connected_clients:%d\r\n" % (MOST_CLIENTS + 1), True),
        (b"# Clients\r\n", True),
        (b"connected_clients:-1\r\n", True),
        (b"connected_clients:many\r\n", True),
        (None, True),
    ],
)
def test_many_clients_are_not_listed(workers: WaitingWorkers, info: Reply, are_too_many: bool) -> None:
    assert workers.are_too_many(info) is are_too_many
    assert workers.is_due() is not are_too_many


@given(st.binary(max_size=300), st.binary(max_size=50))
def test_whatever_a_server_lists_is_read_without_failing(text: bytes, value: bytes) -> None:
    workers = WaitingWorkers(0, Clock())
    workers.look(text)
    workers.look(b"id=" + value + b" db=0 age=1 idle=" + value + b" cmd=brpop\n")
    assert workers.quiet_seconds is None or workers.quiet_seconds >= 0.0
    workers.are_too_many(b"connected_clients:" + value)


def test_a_line_that_lacks_something_is_left_out() -> None:
    lines = [client(1, "get"), "id=2 db=0 age=3", "", "id=4 db=x age=3 idle=1 cmd=get", client(5, "set")]
    assert [each.number for each in clients("\n".join(lines).encode())] == [1, 5]
