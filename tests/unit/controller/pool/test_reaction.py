"""What counts as a reaction, and from when."""

import pytest

from poolkeeper.controller.pool.reaction import Reaction


@pytest.mark.parametrize(
    ("happens", "seconds"),
    [
        ("news 1.0, look 1.1, change, start 1.3", [0.3]),
        ("news 1.0, news 1.5, look 1.6, change, start 2.0", [1.0]),
        ("news 1.0, look 1.1, none, news 5.0, look 5.1, change, start 5.2", [0.2]),
        ("news 1.0, look 1.1, none, due 9.0, look 9.2, change, start 9.4", [0.4]),
        ("due 9.0, look 9.2, change, stop 9.4", [None]),
        ("news 1.0, due 9.0, look 1.1, change, stop 1.2", [0.2]),
        ("look 9.2, change, start 9.4", [None]),
        ("news 1.0, look 1.1, change, look 6.0, change, start 6.1", [5.1]),
        ("news 1.0, look 1.1, change, start 1.2, look 2.0, change, start 2.1", [0.2, None]),
        ("look 1.1, news 1.2, none, look 1.4, change, start 1.5", [0.3]),
        ("look 1.1, news 1.2, change, start 1.5", [0.3]),
    ],
    ids=[
        "a reading asks for replicas",
        "the oldest news counts",
        "news that changed nothing is no cause",
        "a delayed start counts from when it was due",
        "a stop after idle time is no reaction",
        "a stop that news has led to is one",
        "a look for safety reacts to nothing",
        "a write that failed at first counts from its cause",
        "a cause counts once",
        "news during a look counts at the next",
        "or at once, where the look has seen it",
    ],
)
def test_reactions(happens: str, seconds: list[float | None]) -> None:
    """In order: news, `due` of the decision before, looks, whether they want a change, and writes."""
    reaction, measured, due_at = Reaction(), [], None
    for step in happens.split(", "):
        what, _, at = step.partition(" ")
        match what:
            case "news":
                reaction.news(float(at))
            case "due":
                due_at = float(at)
            case "look":
                reaction.look_begins(float(at), due_at)
            case "change" | "none":
                reaction.decided(is_change=what == "change")
            case _:
                measured.append(reaction.written(float(at), is_start=what == "start"))
    assert measured == [pytest.approx(each) if each is not None else None for each in seconds]
