"""What all advice looks like."""

from typing import NamedTuple


class Advice(NamedTuple):
    """Something that a user should change."""

    reason: str
    """A CamelCase word for the condition."""
    message: str
    """What is wrong, and what to do about it."""
