"""How often the HTTP half of the controller looks at things; tests use shorter times."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrontTiming:
    """All in seconds."""

    activators_listed_every: float = 1.0
    """Between two lists of the activators' pods."""
    activators_awaited: float = 1.0
    """The longest time that advice about them waits for the first list."""
    turn_at_most_every: float = 0.05
    """The shortest time between two turns, but for a replica that becomes ready."""
    turn_at_least_every: float = 0.5
    """The longest time between two turns, whether or not anything happens."""
    read_at_most_every: float = 0.05
    """The shortest time between two readings of one source."""
