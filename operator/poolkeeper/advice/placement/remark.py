"""What the checks of this room look at, and what they answer with."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from poolkeeper.advice.placement.amounts import mappings
from poolkeeper.advice.placement.size import PodsAsking
from poolkeeper.advice.placement.units import asks_for
from poolkeeper.api.accelerator_class import AcceleratorClassSpec

_PLAIN = re.compile(r"[A-Za-z0-9][-_./A-Za-z0-9]*", re.ASCII)
_NOT_TEXT = re.compile(
    r"[-+.0-9_]+|[-+.]?[0-9].*[eE].*|0[xob].*|true|false|null|yes|no|on|off|y|n", re.IGNORECASE
)
"""What YAML would read as something else than text."""


class Remark(NamedTuple):
    """One thing about the pod templates of a replica, with the lines to write."""

    reason: str
    """A CamelCase word for the condition."""
    message: str
    holds: bool | None = False
    """False where pods can't run like that, None where that is not known, True where nothing is wrong."""


class Placement(NamedTuple):
    """A replica, the class that its pool names, and all classes that there are."""

    name: str
    """Name of the class."""
    accelerator: AcceleratorClassSpec
    replica: tuple[PodsAsking, ...]
    classes: Mapping[str, AcceleratorClassSpec] = {}
    target_kind: str = "Deployment"

    @property
    def parts(self) -> tuple[PodsAsking, ...]:
        """The templates that must be right for the class: those that ask for units of it, or else all. The
        leader of a group may have no accelerator."""
        return tuple(part for part in self.replica if asks(self.accelerator, part)) or self.replica


def asks(accelerator: AcceleratorClassSpec, part: PodsAsking) -> bool:
    """Whether the pods of a template ask for units of the class."""
    return asks_for(accelerator, part.amounts, part.claims)


def container_of(part: PodsAsking) -> str:
    """The first container of a template, by the name that a line to write begins with."""
    names = [container.get("name") for container in mappings(part.spec.get("containers"))]
    return f"container {names[0]}" if names and isinstance(names[0], str) else "a container"


def flow(value: Any) -> str:
    """YAML of one line, to be pasted: {nodeSelector: {kubernetes.io/arch: arm64}}."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(str(key))}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow(each) for each in value) + "]"
    if isinstance(value, str) and (_NOT_TEXT.fullmatch(value) or not _PLAIN.fullmatch(value)):
        return json.dumps(value)
    return str(value)


def line(key: str, value: Any) -> str:
    """One line of YAML, without braces around it: tolerations: [{operator: Exists}]."""
    return f"{key}: {flow(value)}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names for a sentence: a, b and 3 more."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
