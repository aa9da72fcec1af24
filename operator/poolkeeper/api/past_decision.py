"""A past decision as one line of a pool's status, so that twenty of them fit on a screen."""

import re
from typing import Annotated

from pydantic import Field, model_serializer, model_validator

from poolkeeper.api.base import ApiModel, Count, Text, Timestamp

LINE_LENGTH = 256
"""Longest line. A message that does not fit ends with an ellipsis; the event about it has it whole."""

_LINE = re.compile(
    r"(?P<at>\S+) (?:(?P<before>\d+)→)?(?P<replicas>\d+) (?P<reason>\w+)"
    r"(?: \((?P<seen>[^)]*)\))?: (?P<message>.*)"
)
_SEEN = {"queued": "queued", "in flight": "in_flight", "ready": "ready", "starting": "starting"}
_UNKNOWN = "?"


class PastDecision(ApiModel):
    """A decision that differed from the one before, with the observation that led to it.

    In a status it is a line: the time, the replicas before and after, the reason, what was seen (numbers that
    are not there were 0), and the message:

        2026-11-30T12:00:05Z 0→2 StartAtOnce (queued 3): 3 requests wait and ...

    Operators before this form wrote an object of the same fields, which is still read.
    """

    at: Timestamp
    """When it was decided."""
    before: Count | None = None
    """Replicas that the target was to have before; None where the decision left the number as it was."""
    replicas: Count
    """Replicas that the target was to have from then on."""
    reason: Annotated[str, Field(min_length=1, max_length=64)]
    """Why, in one CamelCase word."""
    message: Text
    """Why, in a sentence with the numbers."""
    queued: Count | None = None
    """Requests that waited; None where that was not known."""
    in_flight: Count | None = None
    """Requests that were being worked on; None where that was not known."""
    ready: Count | None = None
    """Replicas that took requests; None where that was not known."""
    starting: Count | None = None
    """Replicas that were asked for and were not ready yet; None where that was not known."""

    @model_validator(mode="before")
    @classmethod
    def _from_line(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        match = _LINE.fullmatch(value)
        if match is None:
            raise ValueError("must be: TIME REPLICAS REASON (what was seen): message")
        fields = {name: text for name, text in match.groupdict().items() if name != "seen"}
        return {**fields, **_numbers(match["seen"] or "")}

    @model_serializer
    def _as_line(self) -> str:
        change = f"{self.replicas}" if self.before is None else f"{self.before}→{self.replicas}"
        seen = ", ".join(
            f"{words} {_UNKNOWN if number is None else number}"
            for words, name in _SEEN.items()
            if (number := getattr(self, name)) != 0
        )
        message = " ".join(self.message.splitlines())
        line = f"{self.at} {change} {self.reason}{f' ({seen})' if seen else ''}: {message}"
        return line if len(line) <= LINE_LENGTH else f"{line[: LINE_LENGTH - 1]}…"


def _numbers(seen: str) -> dict[str, str | int | None]:
    found: dict[str, str | int | None] = dict.fromkeys(_SEEN.values(), 0)
    for part in seen.split(", ") if seen else ():
        words, _, number = part.rpartition(" ")
        if words in _SEEN:
            found[_SEEN[words]] = None if number == _UNKNOWN else number
    return found
