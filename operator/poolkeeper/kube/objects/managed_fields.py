"""Who wrote the replicas of a target, as its `metadata.managedFields` say.

The API server notes for each field who set it last: a name that the client chose, whether by an apply or an
update, through which subresource, and when. The names are text of strangers, so they are cut and cleaned.
Every form is read: an entry that has another one is left out, since this only helps people.

There is a gap. A write of 0 through /scale, such as our own, leaves the replicas without an owner, and from
then on no write through /scale is noted. Writes of the object itself, as deployment tools make them, are
noted again. So replicas without an owner were set through /scale.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from poolkeeper.api.timestamps import parse_timestamp

FIELD_MANAGER = "poolkeeper"
"""Our own name on everything that we write."""
ENTRIES_READ = 64
"""Real objects have a handful of entries."""
NAME_LENGTH = 64
"""The API server allows 128 characters; names of tools are shorter."""


class ReplicaWriter(NamedTuple):
    """One owner of the replicas in a target's spec."""

    manager: str
    """Its name, printable and cut to NAME_LENGTH; empty where it has none."""
    operation: str
    """Apply (server-side) or Update (everything else)."""
    subresource: str
    """The subresource it wrote through: scale, or empty for the object itself."""
    at: float | None
    """When it last changed one of its fields, in Unix seconds; None where that is not known."""

    def __str__(self) -> str:
        """`kubectl (scale)`, `argocd-controller (Apply)`."""
        if self == UNNOTED:
            return "kubectl scale or another client of /scale"
        return f"{self.manager or 'a client without a name'} ({self.subresource or self.operation})"

    @property
    def is_operator(self) -> bool:
        return self.manager == FIELD_MANAGER


UNNOTED = ReplicaWriter("", "Update", "scale", None)
"""Somebody who wrote /scale while the API server noted no such writes."""


def other_writer(writers: Iterable[ReplicaWriter]) -> ReplicaWriter | None:
    """Who set the replicas last, other than the operator; None where that is not recorded."""
    others = [writer for writer in writers if not writer.is_operator]
    return max(others, key=lambda writer: writer.at or 0.0, default=None)


def replica_writers(metadata: Mapping[str, Any]) -> tuple[ReplicaWriter, ...]:
    """The owners of the replicas in the metadata of a target: more than one where they agree, and UNNOTED for
    none. Empty where the API server says nothing about owners."""
    return tuple(_writers(metadata)) or ((UNNOTED,) if metadata.get("managedFields") else ())


def _writers(metadata: Mapping[str, Any]) -> Iterator[ReplicaWriter]:
    entries = metadata.get("managedFields")
    for raw in entries[:ENTRIES_READ] if isinstance(entries, list) else ():
        entry = _mapping(raw)
        subresource = _name(entry.get("subresource"))
        # A kind of one's own may keep its replicas in any field; through /scale nothing else is written.
        if subresource == "scale" or "f:replicas" in _mapping(_mapping(entry.get("fieldsV1")).get("f:spec")):
            yield ReplicaWriter(
                manager=_name(entry.get("manager")),
                operation="Apply" if entry.get("operation") == "Apply" else "Update",
                subresource=subresource,
                at=_instant(entry.get("time")),
            )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(value: object) -> str:
    return (
        "".join(each for each in value[:NAME_LENGTH] if each.isprintable()) if isinstance(value, str) else ""
    )


def _instant(value: object) -> float | None:
    return parse_timestamp(value[:NAME_LENGTH]) if isinstance(value, str) else None
