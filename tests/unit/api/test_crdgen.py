"""How models become schemas, and which models are refused when the CRDs are generated."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from poolkeeper.api.base import ApiModel
from poolkeeper.api.crds.generator import UnsupportedSchema, structural_schema
from poolkeeper.api.markers import Cel, IntOrString, ListMap, TextOnceObject


class Inner(ApiModel):
    """Something inside."""

    size: Annotated[int, Field(ge=0, le=9)] = 3
    unit: Annotated[str, Field(max_length=8)] | None = None


class Ruled(ApiModel):
    rules: ClassVar[tuple[Cel, ...]] = (Cel("self.low <= 1", "low"),)

    low: Annotated[int, Field(ge=0, le=9)]


class RuledTwice(Ruled):
    rules: ClassVar[tuple[Cel, ...]] = (Cel("self.low >= 0", "high"),)


class WithDefaults(ApiModel):
    inner: Inner = Inner()
    big: Annotated[int, Field(ge=0)] = 0
    share: Annotated[int | str, IntOrString()] = 5
    maybe: Annotated[int, Field(ge=0, le=9)] | None = None
    learned: Annotated[str | dict[str, Any], TextOnceObject(9)] | None = None
    items: Annotated[tuple[Inner, ...], Field(max_length=2), ListMap(("size",))] = ()


def fields(model: type[ApiModel]) -> dict[str, Any]:
    return dict(structural_schema(model)["properties"])


def test_a_nested_model_is_inlined_with_its_whole_default() -> None:
    inner = fields(WithDefaults)["inner"]
    assert inner["default"] == {"size": 3}
    assert inner["properties"]["size"]["default"] == 3


def test_an_optional_field_is_neither_required_nor_nullable() -> None:
    assert fields(WithDefaults)["maybe"] == {"type": "integer", "minimum": 0, "maximum": 9, "format": "int32"}
    assert "required" not in structural_schema(WithDefaults)


def test_integers_carry_the_format_that_fits_their_bounds() -> None:
    assert fields(WithDefaults)["big"]["format"] == "int64"
    assert fields(Inner)["size"]["format"] == "int32"


def test_markers_become_extensions() -> None:
    assert fields(WithDefaults)["share"] == {"x-kubernetes-int-or-string": True, "default": 5}
    assert fields(WithDefaults)["learned"] == {"maxLength": 9, "x-kubernetes-preserve-unknown-fields": True}
    assert fields(WithDefaults)["items"]["x-kubernetes-list-map-keys"] == ["size"]


def test_rules_of_a_base_hold_for_the_models_made_of_it() -> None:
    rules = structural_schema(RuledTwice)["x-kubernetes-validations"]
    assert [rule["message"] for rule in rules] == ["low", "high"]


class Unbounded(ApiModel):
    text: str


class UnboundedList(ApiModel):
    items: tuple[Inner, ...]


class WithFloat(ApiModel):
    share: float


class WithUnion(ApiModel):
    either: Inner | Ruled


class WithPair(ApiModel):
    pair: Annotated[tuple[int, int], Field(max_length=2)]


class WithOpenObject(ApiModel):
    labels: dict[str, str]


class Recursive(ApiModel):
    child: Recursive | None = None


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (Unbounded, "Unbounded.text"),
        (UnboundedList, "UnboundedList.items"),
        (WithFloat, "WithFloat.share"),
        (WithUnion, "WithUnion.either"),
        (WithPair, "WithPair.pair"),
        (WithOpenObject, "WithOpenObject.labels"),
        (Recursive, "Recursive.child.child"),
    ],
)
def test_what_no_structural_schema_can_express_is_refused_by_path(model: type[ApiModel], path: str) -> None:
    with pytest.raises(UnsupportedSchema, match=f"^{path}"):
        structural_schema(model)
