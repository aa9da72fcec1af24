"""Marks on models and fields that become Kubernetes' schema extensions in the CRDs.

A marker stands in a field's `Annotated[...]`; rules about several fields of one object stand in its class
variable `rules` (`base.ApiModel`). Only the API server checks CEL rules: what the operator reads has passed.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

JsonSchema = dict[str, Any]
RULES = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Cel:
    """A CEL rule, and the sentence that a user reads if it is violated.

    The message is fixed text: the API server refuses a computed message that turns a number into text, by its
    cost estimate.
    """

    rule: str
    message: str

    def as_schema(self) -> JsonSchema:
        """The rule in the form of apiextensions/v1."""
        return {"rule": self.rule, "message": self.message}

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        schema = handler(core)
        return {**schema, RULES: [*schema.get(RULES, []), self.as_schema()]}


@dataclass(frozen=True, slots=True)
class ListMap:
    """The list is a map: these fields identify an item when lists are merged."""

    keys: tuple[str, ...]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        extensions = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self.keys)}
        return {**handler(core), **extensions}


@dataclass(frozen=True, slots=True)
class IntOrString:
    """An integer, or a string where a fraction is needed (the API has no floats)."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        kept = {key: value for key, value in handler(core).items() if key != "anyOf"}
        return {**kept, "x-kubernetes-int-or-string": True}


@dataclass(frozen=True, slots=True)
class TextOnceObject:
    """A string where older versions of the operator wrote an object. The schema names no type, since the API
    server would give a stored object as {} under a schema of type string."""

    max_length: int

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        return {"x-kubernetes-preserve-unknown-fields": True, "maxLength": self.max_length}
