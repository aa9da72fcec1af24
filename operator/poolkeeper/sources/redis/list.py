"""Jobs in a Redis list; with a processing list (the LMOVE pattern) the work in flight shows too.

A drained list has no key, so a missing key is an empty queue. Entries carry no arrival times.
"""

from poolkeeper.api.demand import RedisList
from poolkeeper.sources.queue import Depth
from poolkeeper.sources.redis.processing_list import ProcessingList, digest
from poolkeeper.sources.redis.question import (
    Command,
    Question,
    ask_for_type,
    integer,
    is_wrong_type,
    refuse_errors,
    rows,
)
from poolkeeper.sources.redis.queue import RedisQueue
from poolkeeper.sources.redis.replies import Reply


def redis_list(declared: RedisList, unmoved_seconds: float) -> RedisQueue:
    """A queue that is read with LLEN, and LINDEX for what is in flight."""
    if declared.processing_list is None:
        question = _waiting_only(declared.list)
    else:
        question = _waiting_and_in_flight(
            declared.list, declared.processing_list, ProcessingList(declared.processing_list, unmoved_seconds)
        )
    return RedisQueue(declared, question, hides_work=True)


def _waiting_only(key: str) -> Question:
    def interpret(replies: list[Reply]) -> Depth | Question:
        (length,) = replies
        return ask_for_type(key, "list") if is_wrong_type(length) else Depth(queued=integer(length, key))

    return Question.of([("LLEN", key)], interpret)


def _waiting_and_in_flight(key: str, processing: str, entries: ProcessingList) -> Question:
    """Both lists in one transaction: a job that moves between them meanwhile is counted exactly once.

    A job missed in both could stop the replica that works on it.
    """
    commands: list[Command] = [
        ("MULTI",),
        ("LLEN", key),
        ("LLEN", processing),
        ("LINDEX", processing, 0),
        ("LINDEX", processing, -1),
        ("EXEC",),
    ]

    def interpret(replies: list[Reply]) -> Depth | Question:
        for queued in replies[:-1]:
            refuse_errors(queued, key)
        waiting, taken, first, last = rows(replies[-1], key)
        if is_wrong_type(waiting):
            return ask_for_type(key, "list")
        if is_wrong_type(taken):
            return ask_for_type(processing, "list")
        depth = Depth(
            queued=integer(waiting, key),
            in_flight=integer(taken, processing),
            in_flight_marker=digest(processing, first, last),
        )
        return entries.look(depth, first, last)

    return Question.of(commands, interpret)
