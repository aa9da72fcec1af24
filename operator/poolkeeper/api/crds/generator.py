"""Lowers pydantic's JSON schema to the structural schema that a CustomResourceDefinition may carry.

What Kubernetes' API conventions forbid or discourage (floats, nullable, recursion, tuples of fixed length,
unbounded values) is refused here, when the CRDs are generated, with the path of the field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from poolkeeper.api.base import GROUP, VERSION, ApiModel
from poolkeeper.api.markers import JsonSchema

NOISE = {"title", "examples", "deprecated", "$defs"}
INT32_MAX = 2**31 - 1


class UnsupportedSchema(ValueError):
    """A model that no structural schema can express; the text names the field."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of our group: its names, its models and what `kubectl get` shows of it."""

    kind: str
    plural: str
    short_names: Sequence[str]
    scope: str
    description: str
    spec: type[ApiModel]
    status: type[ApiModel] | None = None
    columns: Sequence[dict[str, Any]] = ()
    """The `additionalPrinterColumns`."""

    @property
    def crd_name(self) -> str:
        return f"{self.plural}.{GROUP}"


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind. Raises UnsupportedSchema."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": list(kind.short_names),
                "categories": ["poolkeeper"],
            },
            "scope": kind.scope,
            "versions": [_version(kind)],
        },
    }


def structural_schema(model: type[ApiModel]) -> JsonSchema:
    """The structural schema of a model. Raises UnsupportedSchema."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    return _lower(schema, schema.get("$defs", {}), (model.__name__,))


def _version(kind: Kind) -> dict[str, Any]:
    properties = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": structural_schema(kind.spec),
    }
    version: dict[str, Any] = {"name": VERSION, "served": True, "storage": True}
    if kind.status:
        properties["status"] = structural_schema(kind.status)
        version["subresources"] = {"status": {}}
    version["additionalPrinterColumns"] = list(kind.columns)
    version["schema"] = {
        "openAPIV3Schema": {
            "description": kind.description,
            "type": "object",
            "required": ["spec"],
            "properties": properties,
        }
    }
    return version


def _lower(schema: JsonSchema, definitions: Mapping[str, JsonSchema], path: tuple[str, ...]) -> JsonSchema:
    schema = _inline(schema, definitions, path)
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return schema
    if "default" in schema:
        schema = _with_static_default(schema, path)
    match schema.get("type"):
        case "object":
            return _lower_object(schema, definitions, path)
        case "array":
            return _lower_array(schema, definitions, path)
        case "integer":
            return _lower_integer(schema)
        case "string" if not schema.keys() & {"maxLength", "enum"}:
            raise UnsupportedSchema(f"{'.'.join(path)}: a string needs max_length")
        case "string" | "boolean":
            return schema
        case None if schema.get("x-kubernetes-int-or-string"):
            return schema
        case other:
            raise UnsupportedSchema(f"{'.'.join(path)}: {other or 'a union'} has no structural schema")


def _inline(schema: JsonSchema, definitions: Mapping[str, JsonSchema], path: tuple[str, ...]) -> JsonSchema:
    """Replaces references by what they name and `X | None` by X; the siblings of a reference win."""
    schema = {key: value for key, value in schema.items() if key not in NOISE}
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if len(path) > 20:
        raise UnsupportedSchema(f"{'.'.join(path)}: models must not contain themselves")
    if "$ref" in schema:
        target = definitions[schema.pop("$ref").removeprefix("#/$defs/")]
        return _inline({**target, **schema}, definitions, path)
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        siblings = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return _inline({**_inline(options[0], definitions, path), **siblings}, definitions, path)
    return schema


def _with_static_default(schema: JsonSchema, path: tuple[str, ...]) -> JsonSchema:
    """An object's default must pass its own rules before nested defaults are filled in: it is given whole."""
    if schema["default"] is None:
        raise UnsupportedSchema(f"{'.'.join(path)}: only an optional field may default to nothing")
    return {**schema, "default": _without_nulls(schema["default"])}


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _without_nulls(field) for name, field in value.items() if field is not None}


def _lower_object(
    schema: JsonSchema, definitions: Mapping[str, JsonSchema], path: tuple[str, ...]
) -> JsonSchema:
    if "properties" not in schema:
        raise UnsupportedSchema(f"{'.'.join(path)}: an object needs named fields")
    fields = {name: _lower(value, definitions, (*path, name)) for name, value in schema["properties"].items()}
    return {**schema, "properties": fields}


def _lower_array(
    schema: JsonSchema, definitions: Mapping[str, JsonSchema], path: tuple[str, ...]
) -> JsonSchema:
    if "maxItems" not in schema or "prefixItems" in schema:
        raise UnsupportedSchema(f"{'.'.join(path)}: a list needs max_length and items of one type")
    return {**schema, "items": _lower(schema["items"], definitions, (*path, "[]"))}


def _lower_integer(schema: JsonSchema) -> JsonSchema:
    return {**schema, "format": "int32" if schema.get("maximum", INT32_MAX + 1) <= INT32_MAX else "int64"}
