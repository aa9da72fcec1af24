"""What is applied to a class in which other clients have set fields."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolkeeper.controller.intake.owned_fields import without_fields_of_others

Json = dict[str, Any]


def price(name: str, amount: str, **more: Any) -> Json:
    return {"name": name, "market": "OnDemand", "amount": amount, **more}


SPEC: Json = {
    "memoryGiBPerChip": 24,
    "wattsPerChip": 80,
    "resourceName": "nvidia.com/gpu",
    "prices": [price("g6.xlarge", "0.90", chips=2), price("g2-standard-4", "0.76"), price("new", "0.50")],
    "nodeLabels": [{"key": "a", "values": ["l4", "new"]}, {"key": "b", "values": ["l4"]}],
    "sources": [{"figure": "memoryGiBPerChip"}, {"figure": "wattsPerChip"}, {"figure": "nodeLabels[a]"}],
}
MANIFEST: Json = {"metadata": {"name": "nvidia-l4", "labels": {"by": "us"}}, "spec": SPEC}
LIVE_SPEC: Json = {
    "memoryGiBPerChip": 22,
    "wattsPerChip": 72,
    "prices": [price("g6.xlarge", "0.42", chips=1), price("g2-standard-4", "0.70")],
    "nodeLabels": [{"key": "a", "values": ["mine"]}],
}
G6 = 'k:{"market":"OnDemand","name":"g6.xlarge"}'


def live(*owners: Json, **more: Any) -> Json:
    managed = [
        {"manager": "poolkeeper", "operation": "Apply", "fieldsV1": {"f:spec": {"f:wattsPerChip": {}}}}
    ]
    managed += [
        {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": tree}} for tree in owners
    ]
    return {"metadata": {"managedFields": managed}, "spec": LIVE_SPEC, **more}


def applied(*owners: Json) -> Json:
    return dict(without_fields_of_others(MANIFEST, live(*owners))["spec"])


def test_all_is_applied_where_nobody_else_owns_a_field() -> None:
    assert applied() == SPEC


def test_a_figure_of_the_owner_is_left_out_with_its_source() -> None:
    found = applied({"f:memoryGiBPerChip": {}})

    assert "memoryGiBPerChip" not in found
    assert found["wattsPerChip"] == 80
    assert [source["figure"] for source in found["sources"]] == ["wattsPerChip", "nodeLabels[a]"]


def test_a_price_of_the_owner_stays_as_a_whole_and_none_is_added() -> None:
    found = applied({"f:prices": {G6: {".": {}, "f:amount": {}}}})

    assert found["prices"] == [
        {"name": "g6.xlarge", "market": "OnDemand", "chips": 1},
        price("g2-standard-4", "0.76"),
    ]
    assert found["nodeLabels"] == SPEC["nodeLabels"]


def test_labels_of_the_owner_stay_and_new_ones_are_added() -> None:
    found = applied({"f:nodeLabels": {'k:{"key":"a"}': {"f:values": {}}}})

    assert found["nodeLabels"] == [{"key": "a"}, {"key": "b", "values": ["l4"]}]
    assert [source["figure"] for source in found["sources"]] == ["memoryGiBPerChip", "wattsPerChip"]


def test_an_item_that_the_owner_only_lists_is_updated() -> None:
    assert applied({"f:nodeLabels": {'k:{"key":"a"}': {".": {}}}}) == SPEC


def test_two_owners_are_both_heard() -> None:
    found = applied({"f:memoryGiBPerChip": {}}, {"f:resourceName": {}})

    assert {"memoryGiBPerChip", "resourceName"}.isdisjoint(found)


def test_a_label_of_the_object_stays() -> None:
    there = live()
    there["metadata"]["labels"] = {"by": "them"}

    assert without_fields_of_others(MANIFEST, there)["metadata"]["labels"] == {"by": "them"}


DEEP: Json = {}
for _ in range(50):
    DEEP = {"f:partOf": DEEP}

ODD: list[Any] = [
    {},
    {"metadata": None, "spec": []},
    {"metadata": {"managedFields": "all"}},
    {"metadata": {"managedFields": [None, 1, {"fieldsV1": []}, {"fieldsV1": {"f:spec": "x"}}]}},
    live({"f:prices": {"k:": {}, "k:[]": {}, "k:{": {}, "k:1": {}, "k:{}": {"f:a": {}}, "v:1": {}}}),
    live({"f:prices": [], "f:sources": {'k:{"figure":1}': None}}),
    live(DEEP),
    {**live({"f:prices": {G6: {"f:amount": {}}}}), "spec": {"prices": "none"}},
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_objects_are_read(odd: Any) -> None:
    json.dumps(without_fields_of_others(MANIFEST, odd))


leaves: st.SearchStrategy[Any] = st.none() | st.integers() | st.text(max_size=8)
names = st.sampled_from(
    ["f:prices", "f:sources", "f:nodeLabels", "k:{}", G6, 'k:{"key":"a"}', ".", "f:amount"]
)
trees = st.recursive(
    leaves,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=4),
    max_leaves=12,
)


@given(trees, trees)
def test_any_tree_of_owners_is_read(tree: Any, prices: Any) -> None:
    there = live(tree, spec={"prices": prices, "nodeLabels": prices})

    assert set(without_fields_of_others(MANIFEST, there)["spec"]) <= set(SPEC)
