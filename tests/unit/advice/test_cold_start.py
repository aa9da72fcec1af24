"""Which advice follows from where the time of starts goes."""

import pytest

from poolkeeper.advice.cold_start import Part, cold_start_advice

FAST = Part(0, 1)


@pytest.mark.parametrize(
    ("parts", "beginning", "remedies"),
    [
        (
            (Part(1, 240), Part(11, 14), Part(30, 33)),
            "The largest part is waiting for a node or quota, up to 240 s: ",
            ("spare capacity", "warm node pool", "quota"),
        ),
        (
            (Part(1, 2), Part(80, 95), Part(60, 70)),
            "The largest part is image and containers, up to 95 s: ",
            ("smaller image", "beforehand", "image streaming"),
        ),
        (
            (FAST, Part(11, 14), Part(180, 200)),
            "The largest part is loading until ready, up to 200 s: ",
            ("faster disk", "page cache", "smaller model", "probe"),
        ),
    ],
    ids=["node", "image", "loading"],
)
def test_the_largest_part_says_what_to_do(
    parts: tuple[Part, Part, Part], beginning: str, remedies: tuple[str, ...]
) -> None:
    advice = cold_start_advice(parts)
    assert advice.startswith(beginning)
    assert all(remedy in advice for remedy in remedies)


def test_fast_starts_need_no_advice() -> None:
    assert cold_start_advice((FAST, Part(1, 2), FAST)) == ""
    assert cold_start_advice(()) == ""
