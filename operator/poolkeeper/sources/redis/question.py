"""A question to Redis: packed commands, and what their replies mean."""

from collections.abc import Callable
from dataclasses import dataclass

from hiredis import ReplyError

from poolkeeper.sources.base import CredentialsRejected, SourceFailure
from poolkeeper.sources.queue import Depth
from poolkeeper.sources.redis import errors as redis_errors
from poolkeeper.sources.redis.replies import Reply
from poolkeeper.sources.redis.wire import pack

Command = tuple[str | bytes | int, ...]
Interpret = Callable[[list[Reply]], "Depth | Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """Commands packed once and sent at every poll; `interpret` turns their replies into a depth.

    Where the replies leave something open, `interpret` returns the next question. It raises SourceFailure.
    """

    request: bytes
    replies: int
    interpret: Interpret
    where_reads_touch: "Callable[[], Depth | Question] | None" = None
    """What to go on with instead where our own reads touch keys: set for a question about when others did."""

    @classmethod
    def of(cls, commands: list[Command], interpret: Interpret) -> "Question":
        """Pack commands for sending."""
        return cls(b"".join(pack(*command) for command in commands), len(commands), interpret)


def optional(depth: Depth, interpret: Interpret) -> Interpret:
    """The same, for a question that only adds to a depth that is known: no answer to it takes that away."""

    def interpret_or_keep(replies: list[Reply]) -> Depth | Question:
        try:
            return interpret(replies)
        except CredentialsRejected:
            raise
        except (SourceFailure, IndexError, TypeError, ValueError):
            return depth

    return interpret_or_keep


def is_wrong_type(reply: Reply) -> bool:
    """Whether a command was refused because the key holds another type."""
    return isinstance(reply, ReplyError) and redis_errors.code(reply) == "WRONGTYPE"


def ask_for_type(key: str, expected: str) -> Question:
    """Ask for the type of a key that is not of the expected type, for the message."""

    def interpret(replies: list[Reply]) -> Depth:
        found = replies[0].decode("ascii", "replace") if isinstance(replies[0], bytes) else "something else"
        raise SourceFailure(
            "WrongType",
            f"key {key!r} holds a {found}, not a {expected}; correct the key in the pool's demand, "
            "or use the source for that type",
        )

    return Question.of([("TYPE", key)], interpret)


def refuse_errors(reply: Reply, key: str) -> None:
    """Raise the SourceFailure that an error reply stands for."""
    if isinstance(reply, ReplyError):
        raise redis_errors.failure(reply, key)


def integer(reply: Reply, key: str) -> int:
    """A count; raises SourceFailure for an error reply, since a missing number is never a zero."""
    refuse_errors(reply, key)
    if not isinstance(reply, int):
        raise SourceFailure(
            "ServerError", f"the server answered for {key!r} with something that is not a number"
        )
    return reply


def rows(reply: Reply, key: str) -> list[Reply]:
    """An array; raises SourceFailure for an error reply."""
    refuse_errors(reply, key)
    if not isinstance(reply, list):
        raise SourceFailure(
            "ServerError", f"the server answered for {key!r} with something that is not an array"
        )
    return reply
