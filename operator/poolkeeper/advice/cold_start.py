"""What makes the starts of a pool faster: advice that follows from the part that takes longest."""

from collections.abc import Sequence
from typing import NamedTuple

FAST_SECONDS = 2
"""A part that takes no longer is not worth advice: whole seconds say little about it."""


class Part(NamedTuple):
    """One part of a start: its p50 and p95 in seconds, over the starts that were measured."""

    p50_seconds: int
    p95_seconds: int


PARTS = ("waiting for a node or quota", "image and containers", "loading until ready")
_ADVICE = (
    "keep spare capacity or a warm node pool for this class of accelerator, or raise the quota",
    "use a smaller image, pull it to the nodes beforehand, or turn on image streaming",
    "read the weights from a faster disk or from the page cache, use a smaller model, or let the readiness "
    "probe, if there is one, pass sooner",
)


def cold_start_advice(parts: Sequence[Part]) -> str:
    """What to do about the part with the largest p95, as a sentence; empty if all are fast or none is known.

    The parts are given in the order of PARTS.

    By p95, since a promise about waiting fails on the slow starts: a pool that loads for 30 s and waits 300 s
    for a node at one start of ten needs spare nodes, not a smaller model.
    """
    seconds = [part.p95_seconds for part in parts]
    largest = max(seconds, default=0)
    if largest <= FAST_SECONDS:
        return ""
    at = seconds.index(largest)
    return f"The largest part is {PARTS[at]}, up to {largest} s: {_ADVICE[at]}."
