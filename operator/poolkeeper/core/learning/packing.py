"""Numbers of what was learned, as the saved string holds them."""

import struct
from array import array
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping

PACKED_SCALE = 500
"""Counts of gaps fade towards 100, so that they fit into two bytes after this scaling."""
LARGEST_INTEGER = 2**63
"""Far above each number that is saved, and small enough for every computation with it."""


def integers(dumped: Mapping[str, object], key: str, most: int) -> list[int]:
    """The integers of one key. Raises ValueError where it holds anything else, or more than `most`."""
    values = dumped[key]
    if not isinstance(values, list) or len(values) > most:
        raise ValueError(f"{key} is not a list of at most {most} integers")
    if not all(type(value) is int and abs(value) < LARGEST_INTEGER for value in values):
        raise ValueError(f"{key} holds something else than integers")
    return values


def optional_integers(dumped: Mapping[str, object], key: str, most: int) -> list[int]:
    """The integers of a key that versions before did not write; none without it. Raises ValueError."""
    return integers(dumped, key, most) if key in dumped else []


def scale(values: Iterable[float], factor: int) -> list[int]:
    """Whole numbers, since they are shorter than fractions."""
    return [round(value * factor) for value in values]


def pack(counts: Iterable[float]) -> str:
    """Two bytes per count: as integers in a list they would take the most room in the status by far."""
    numbers = scale(counts, PACKED_SCALE)
    return b64encode(struct.pack(f"<{len(numbers)}H", *numbers)).decode()


def unpack(dumped: Mapping[str, object], key: str, rows: int, columns: int) -> "tuple[array[float], ...]":
    """The rows that `pack` made one text of. Raises ValueError where it holds anything else."""
    text = dumped[key]
    packed = b64decode(text, validate=True) if isinstance(text, str) else b""
    if len(packed) != 2 * rows * columns:
        raise ValueError(f"{key} does not hold {rows} rows of {columns} counts")
    counts = [number / PACKED_SCALE for (number,) in struct.iter_unpack("<H", packed)]
    return tuple(array("d", counts[at : at + columns]) for at in range(0, len(counts), columns))
