"""Label selectors in the text form that /scale reports, matched in memory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

KEY = r"(?:[A-Za-z0-9][-A-Za-z0-9.]*/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?"
VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
REQUIREMENT = re.compile(
    rf"\s*(?:(?P<absent>!)\s*)?(?P<key>{KEY})\s*"
    rf"(?:(?P<equality>==|=|!=)\s*(?P<value>{VALUE})|\b(?P<set>notin|in)\s*\((?P<values>[^()]*)\))?\s*(?:,|$)"
)


class InvalidSelector(ValueError):
    """Text that is no label selector; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One comma-separated part of a selector."""

    key: str
    values: frozenset[str] | None
    """The label's value must be one of these; None if any value will do."""
    is_negated: bool = False
    """Whether the rest must not hold."""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it; a negated one is met by a label that is not there."""
        if self.values is None:
            return (self.key in labels) != self.is_negated
        return (labels.get(self.key) in self.values) != self.is_negated


@dataclass(frozen=True, slots=True)
class Selector:
    """All requirements together. A selector without requirements matches no pod: the kind does not report
    which pods are its own."""

    requirements: tuple[Requirement, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        return bool(self.requirements) and all(part.holds(labels) for part in self.requirements)


@lru_cache(maxsize=16_384)
def parse_selector(text: str) -> Selector:
    """Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Raises InvalidSelector."""
    requirements = []
    position = 0
    while position < len(text.rstrip()):
        found = REQUIREMENT.match(text, position)
        if found is None:
            raise InvalidSelector(f"not a label selector: {text!r}, at character {position + 1}")
        requirements.append(_requirement(found))
        position = found.end()
    return Selector(tuple(requirements))


def selects_pods(text: str) -> bool:
    """Whether a selector can be read and is not empty, so that it says which pods are meant."""
    try:
        return bool(parse_selector(text).requirements)
    except InvalidSelector:
        return False


def _requirement(found: re.Match[str]) -> Requirement:
    key, operator = found["key"], found["set"] or found["equality"]
    if operator is None:
        return Requirement(key, None, is_negated=bool(found["absent"]))
    if found["absent"]:
        raise InvalidSelector(f"not a label selector: {found[0]!r} contains both ! and {operator}")
    values = found["values"].split(",") if found["set"] else [found["value"]]
    return Requirement(key, frozenset(value.strip() for value in values), operator in ("!=", "notin"))
