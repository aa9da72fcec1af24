"""The words in which the status says what made requests late."""

import pytest

from poolkeeper.controller.reporting.promise import causes_in_words
from poolkeeper.core.learning.lateness.promise import Late


@pytest.mark.parametrize(
    ("late", "words"),
    [
        (Late(delay=8, ceiling=2), "8 by delay, 2 by ceiling"),
        (Late(gate=1_200), "1,200 by admission (gate)"),
        (Late(start=1, refused=3, no_node=2), "1 by start, 5 by admission (3 quota refused, 2 no node)"),
        (Late(provisioning=1, unadmitted=1), "2 by admission (1 node being made, 1 other)"),
    ],
)
def test_what_made_requests_late_is_named(late: Late, words: str) -> None:
    assert causes_in_words(late) == words
