"""The base of every API model, and the bounded types that all of them are made of."""

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema

from poolkeeper.api.markers import RULES, Cel, JsonSchema

GROUP = "poolkeeper.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
POOLS, CLASSES, QUOTAS = "acceleratorpools", "acceleratorclasses", "acceleratorquotas"
"""The kinds as paths and RBAC rules name them."""


class ApiModel(BaseModel):
    """Immutable, camelCase on the wire, and tolerant of fields that a newer CRD may have added."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
        use_enum_values=False,
    )

    rules: ClassVar[tuple[Cel, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchema:
        schema = handler.resolve_ref_schema(handler(core))
        rules = [rule.as_schema() for base in reversed(cls.__mro__) for rule in vars(base).get("rules", ())]
        return {**schema, RULES: rules} if rules else schema


OBJECT_NAME = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

Name = Annotated[str, Field(min_length=1, max_length=253)]
ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Cel(
        f"self.matches('{OBJECT_NAME}')",
        "must be the name of a Kubernetes object: lower-case letters, digits, '-' and '.', "
        "a letter or digit at both ends",
    ),
]
Text = Annotated[str, Field(max_length=1024)]
Seconds = Annotated[int, Field(ge=0, le=604_800)]
PositiveSeconds = Annotated[int, Field(ge=1, le=604_800)]
MOST_COUNTED = 2_147_483_647
Count = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Timestamp = Annotated[str, Field(max_length=64, json_schema_extra={"format": "date-time"})]
