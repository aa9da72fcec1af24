"""The base of every API model, and the bounded types that all of them are made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "poolkeeper.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


class ApiModel(BaseModel):
    """Immutable, camelCase on the wire, and tolerant of fields that a newer CRD may have added."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore", use_enum_values=False
    )


Name = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(max_length=1024)]
Seconds = Annotated[int, Field(ge=0, le=604_800)]
PositiveSeconds = Annotated[int, Field(ge=1, le=604_800)]
