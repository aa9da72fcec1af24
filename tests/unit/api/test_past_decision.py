"""Past decisions as lines of a status: read back as they were, also those that an older operator wrote."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from poolkeeper.api.past_decision import LINE_LENGTH, PastDecision

DECISION = PastDecision(
    at="2026-11-30T12:00:05Z",
    before=0,
    replicas=2,
    reason="StartAtOnce",
    message="3 requests wait (and: more) 1→2",
    queued=3,
    in_flight=0,
    ready=0,
    starting=0,
)
LINES = {
    "a start": (
        DECISION,
        "2026-11-30T12:00:05Z 0→2 StartAtOnce (queued 3): 3 requests wait (and: more) 1→2",
    ),
    "nothing changes": (
        DECISION.model_copy(update={"before": None, "queued": 0}),
        "2026-11-30T12:00:05Z 2 StartAtOnce: 3 requests wait (and: more) 1→2",
    ),
    "unknown numbers": (
        DECISION.model_copy(update={"in_flight": None, "ready": 1, "starting": None}),
        "2026-11-30T12:00:05Z 0→2 StartAtOnce (queued 3, in flight ?, ready 1, starting ?): 3 requests wait "
        "(and: more) 1→2",
    ),
}


def dumped(decision: PastDecision) -> str:
    """The decision as a status has it."""
    line: Any = decision.model_dump(mode="json")
    return str(line)


@pytest.mark.parametrize(("decision", "line"), LINES.values(), ids=LINES)
def test_a_decision_is_one_line_and_is_read_back(decision: PastDecision, line: str) -> None:
    assert dumped(decision) == line
    assert PastDecision.model_validate(line) == decision


def test_a_message_of_several_lines_becomes_one() -> None:
    assert dumped(DECISION.model_copy(update={"message": "one\ntwo"})).endswith(": one two")


def test_a_long_message_is_cut() -> None:
    long = DECISION.model_copy(update={"message": "x" * 1024})
    line = dumped(long)
    assert len(line) == LINE_LENGTH
    assert line.endswith("x…")
    assert PastDecision.model_validate(line).queued == 3


def test_an_object_of_the_version_before_is_read() -> None:
    old = {
        "at": "2026-01-01T00:00:00Z",
        "replicas": 1,
        "reason": "StartAtOnce",
        "message": "3 wait",
        "reviewAt": "2026-01-01T00:01:00Z",
        "queued": 3,
        "ready": 0,
        "starting": 0,
    }
    line = "2026-01-01T00:00:00Z 1 StartAtOnce (queued 3, in flight ?): 3 wait"
    assert dumped(PastDecision.model_validate(old)) == line


@pytest.mark.parametrize("text", ["", "some words", "2026-01-01T00:00:00Z many StartAtOnce: text"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PastDecision).validate_python(text)
