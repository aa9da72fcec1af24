"""A logged-in connection to Redis that reads many queues in one batch."""

import asyncio
import itertools
from collections.abc import Sequence
from typing import Protocol

from hiredis import ReplyError

from poolkeeper.sources.base import CredentialsRejected, SourceFailure
from poolkeeper.sources.queue import Depth, Outcome
from poolkeeper.sources.redis import errors as redis_errors
from poolkeeper.sources.redis.question import Question
from poolkeeper.sources.redis.quiet import MOST_BYTES, Quiet
from poolkeeper.sources.redis.replies import Reply
from poolkeeper.sources.redis.wire import Wire, pack

MAX_ROUNDS = 16

_WHO_ANSWERS = pack("INFO", "server")
_LEAVE_UNTOUCHED = pack("CLIENT", "NO-TOUCH", "ON")
"""From now on our reads do not count as uses of a key. Known from Redis 7.2 on."""
_connections = itertools.count(1)


class Asking(Protocol):
    """A queue that can be read over this connection."""

    @property
    def question(self) -> Question:
        """What is asked at every poll."""

    @property
    def hides_work(self) -> bool:
        """Whether work that a worker has taken may never be seen, so that the server is looked at too."""


async def log_in(wire: Wire, username: str | None, password: bytes | None, database: int) -> None:
    """Log in and select the database; raises SourceFailure."""
    if username is not None or password is not None:
        user = () if username is None else (username,)
        (reply,) = await wire.exchange(pack("AUTH", *user, password or b""), 1)
        if isinstance(reply, ReplyError):
            raise redis_errors.login_failure(reply)
    if database:
        (reply,) = await wire.exchange(pack("SELECT", database), 1)
        if isinstance(reply, ReplyError):
            raise redis_errors.failure(reply, f"database {database}")


class RedisSession:
    """One connection.

    `server_id` is Redis' run id, read with every batch because a proxy may move an open connection to another
    server. For a user who may not read it, each connection counts as another server, so that a restart, which
    ends the connection, is never missed.
    """

    def __init__(self, wire: Wire, timeout_seconds: float, database: int = 0) -> None:
        self.server_id = f"connection-{next(_connections)}"
        self._wire = wire
        self._timeout_seconds = timeout_seconds
        self._quiet = Quiet(database, asyncio.get_running_loop().time)
        self._touches: bool | None = None
        """Whether our reads touch keys; None until this server has answered NO-TOUCH."""

    @property
    def quiet_seconds(self) -> float | None:
        """For how long at least no worker has taken a job; None where the server does not show that."""
        return self._quiet.seconds

    async def read(self, queues: Sequence[Asking]) -> list[Outcome]:
        """Read all queues in one batch; queues that need a second question are read in a few more."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                outcomes = await self._settle([queue.question for queue in queues])
                if self._quiet.is_due() and any(map(_may_hide_work, queues, outcomes)):
                    await self._look_for_quiet()
                return outcomes
        except TimeoutError as error:
            raise SourceFailure(
                "Timeout",
                f"the server accepted the connection and did not answer within {self._timeout_seconds:g} s",
            ) from error

    def close(self) -> None:
        """Drop the connection at once."""
        self._wire.close()

    async def _look_for_quiet(self) -> None:
        request = pack("INFO", "clients") + pack("INFO", "commandstats")
        info, stats = await self._wire.exchange(request, 2, kept_bulk_bytes=MOST_BYTES)
        self._quiet.look_at_pushes(stats)
        if self._quiet.may_list(info):
            (listed,) = await self._wire.exchange(pack("CLIENT", "LIST"), 1, kept_bulk_bytes=MOST_BYTES)
            self._quiet.look_at_clients(listed)

    async def _settle(self, answers: Sequence[Outcome | Question]) -> list[Outcome]:
        settled = list(answers)
        for _ in range(MAX_ROUNDS):
            places = [place for place, answer in enumerate(settled) if isinstance(answer, Question)]
            if not places:
                break
            questions = [answer for answer in settled if isinstance(answer, Question)]
            for place, answer in zip(places, await self._ask(questions), strict=True):
                settled[place] = answer
        return [_unsettled() if isinstance(answer, Question) else answer for answer in settled]

    async def _ask(self, questions: Sequence[Question]) -> list[Outcome | Question]:
        first = [_WHO_ANSWERS] if self._touches is not None else [_WHO_ANSWERS, _LEAVE_UNTOUCHED]
        expected = len(first) + sum(question.replies for question in questions)
        request = b"".join([*first, *(question.request for question in questions)])
        replies = await self._wire.exchange(request, expected)
        self._note_server(*replies[: len(first)])
        answers: list[Outcome | Question] = []
        start = len(first)
        for question in questions:
            end = start + question.replies
            answers.append(_answer(question, replies[start:end], reads_touch=self._touches is not False))
            start = end
        return answers

    def _note_server(self, who: Reply, untouched: Reply = None) -> None:
        """Another server behind the same connection is asked again to leave keys untouched."""
        run_id = _run_id(who) or self.server_id
        if untouched is not None:
            self._touches = untouched != b"OK"
        elif run_id != self.server_id:
            self._touches = None
        self.server_id = run_id


def _may_hide_work(queue: Asking, outcome: Outcome) -> bool:
    return queue.hides_work and isinstance(outcome, Depth) and not outcome.queued


def _run_id(info: Reply) -> str | None:
    if not isinstance(info, bytes):
        return None
    lines = (line.partition(b":") for line in info.splitlines())
    return next((value.decode("ascii", "replace") for name, _, value in lines if name == b"run_id"), None)


def _answer(question: Question, replies: list[Reply], *, reads_touch: bool) -> Outcome | Question:
    try:
        answer = question.interpret(replies)
        if reads_touch and isinstance(answer, Question) and answer.where_reads_touch is not None:
            return answer.where_reads_touch()
        return answer
    except CredentialsRejected:
        raise
    except SourceFailure as failure:
        return failure
    except (IndexError, TypeError, ValueError):
        return SourceFailure("ServerError", "the server's answer has an unexpected form")


def _unsettled() -> SourceFailure:
    return SourceFailure(
        "ServerError",
        f"the queue changed while it was read, {MAX_ROUNDS} times in a row; the next poll reads it again",
    )
