"""The rules for structural schemas (KEP-2335), and our own: bounded, no floats, nothing nullable."""

from collections.abc import Iterator
from typing import Any

FORBIDDEN = {"$ref", "additionalProperties", "allOf", "anyOf", "const", "nullable", "oneOf", "uniqueItems"}


def violations(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Every rule that a schema breaks, with the path of the field."""
    for keyword in FORBIDDEN & schema.keys():
        yield f"{path}: {keyword}"
    if "type" not in schema and not _may_have_no_type(schema):
        yield f"{path}: no type"
    yield from _unbounded(schema, path)
    for name, field in schema.get("properties", {}).items():
        yield from violations(field, f"{path}.{name}")
    if "items" in schema:
        yield from violations(schema["items"], f"{path}[]")


def _may_have_no_type(schema: dict[str, Any]) -> bool:
    """An integer or a string; or a bounded string that was an object in a version before."""
    is_bounded = "x-kubernetes-preserve-unknown-fields" in schema and "maxLength" in schema
    return is_bounded or bool(schema.get("x-kubernetes-int-or-string"))


def _unbounded(schema: dict[str, Any], path: str) -> Iterator[str]:
    match schema.get("type"):
        case "number":
            yield f"{path}: a float"
        case "string" if not schema.keys() & {"maxLength", "enum"}:
            yield f"{path}: a string without maxLength"
        case "array" if "maxItems" not in schema:
            yield f"{path}: a list without maxItems"
        case "integer" if schema.get("format") not in ("int32", "int64") or "minimum" not in schema:
            yield f"{path}: an integer without format or minimum"
        case "object" if "properties" not in schema and "x-kubernetes-preserve-unknown-fields" not in schema:
            yield f"{path}: an object without fields"
