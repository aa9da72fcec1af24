"""Names for traces in tables: the file's, and as many of its folders as tell it from another of that name."""

from collections.abc import Sequence
from pathlib import Path


def distinct_names(texts: Sequence[str]) -> list[str]:
    """A name for each path; paths that are the same keep the same name, their places tell them apart."""
    parts = [Path(text).absolute().parts for text in texts]
    return [_shortest(own, [other for other in parts if other != own]) for own in parts]


def _shortest(own: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> str:
    clashing = [other for other in others if other[-1] == own[-1]]
    length = 1
    while length < len(own) and any(other[-length:] == own[-length:] for other in clashing):
        length += 1
    return "/".join(own[-length:]).replace("//", "/")
