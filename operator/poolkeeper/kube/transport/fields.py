"""Reads objects that others write: each field may be absent, null or of another type.

A field that is absent or null reads as empty. One of another type makes the whole object unreadable: an
object that is half understood must not decide anything.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from poolkeeper.api.timestamps import parse_timestamp
from poolkeeper.kube.transport.errors import KubeFailure

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Value = TypeVar("Value")

_MOST_LOGGED = 1_000
_logged: set[str] = set()


class Unreadable(KubeFailure):
    """An object does not have the form of its kind."""

    def __init__(self, message: str) -> None:
        super().__init__("ObjectUnreadable", message)


def readable(raws: object, project: Callable[[Mapping[str, Any]], Item]) -> list[Item]:
    """The projections of all objects that can be read; each of the others is logged once and left out."""
    if raws is not None and not isinstance(raws, list):
        raise Unreadable("the API server answered with no list")
    found = []
    for raw in raws or ():
        try:
            found.append(project(mapping(raw)))
        except Unreadable as failure:
            _log_once(raw, failure)
    return found


def mapping(value: object) -> Mapping[str, Any]:
    """An object of JSON."""
    return _of_type(dict, value, {})


def entries(value: object) -> list[Mapping[str, Any]]:
    """A list of objects."""
    return [mapping(each) for each in _of_type(list, value, [])]


def text(value: object) -> str:
    """A string."""
    return _of_type(str, value, "")


def texts(value: object) -> tuple[str, ...]:
    """A list of strings."""
    return tuple(text(each) for each in _of_type(list, value, []))


def labels(value: object) -> Mapping[str, str]:
    """Strings by name."""
    return {key: text(each) for key, each in mapping(value).items()}


def number(value: object) -> int:
    """An integer."""
    if isinstance(value, bool):
        raise Unreadable("a field holds a bool, not an int")
    return _of_type(int, value, 0)


def instant(value: object) -> float | None:
    """Unix seconds; None where there is no timestamp."""
    return parse_timestamp(text(value))


def required(value: Value) -> Value:
    """A value that may not be empty."""
    if not value:
        raise Unreadable("a required field is missing")
    return value


def _of_type(kind: type[Value], value: object, empty: Value) -> Value:
    if value is None:
        return empty
    if not isinstance(value, kind):
        raise Unreadable(f"a field holds a {type(value).__name__}, not a {kind.__name__}")
    return value


def _log_once(raw: object, failure: Unreadable) -> None:
    metadata = raw.get("metadata") if isinstance(raw, dict) else None
    named = metadata if isinstance(metadata, dict) else {}
    name = f"{named.get('namespace')!r:.100}/{named.get('name')!r:.300}: {failure}"
    if name not in _logged and len(_logged) < _MOST_LOGGED:
        _logged.add(name)
        logger.warning("An object can't be read and is left out: %s", name)
