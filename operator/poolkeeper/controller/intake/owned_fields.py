"""What is left of a manifest to apply, where an object has fields that other clients have set.

Server-side apply refuses a whole manifest for one field that somebody else owns. The API server notes the
owners in `metadata.managedFields`, as trees of field names (https://kubernetes.io/docs/reference/using-api/
server-side-apply/): `f:NAME` is a field, `k:{JSON}` the item of a list with these keys, `.` the item itself.
Objects are written by strangers: what has another form is left out, and nothing is owned there.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from poolkeeper.kube.objects.managed_fields import ENTRIES_READ, FIELD_MANAGER

Json = Mapping[str, Any]

DEEPEST = 8
"""Fields of a class are at most 5 deep; deeper trees are not read."""
ITEMS_READ = 256
"""A list of a class has at most 64 items."""


def without_fields_of_others(manifest: Json, live: Json) -> dict[str, Any]:
    """The manifest without the fields of its spec that another client of the `live` object owns.

    - An item of a list, such as a price, in which another client owns a field is not updated at all: amount
      and number of chips belong together.
    - Where another client owns a field of a price, no price is added: offers that it removed stay removed.
    - A figure of another client's loses the source that the manifest names for it.
    """
    owned, spec, found = _owned_by_others(live), _mapping(manifest.get("spec")), _mapping(live.get("spec"))
    kept = _fields(spec, found, owned)
    if "sources" in kept:
        kept["sources"] = [source for source in kept["sources"] if not _has_owner(source, owned)]
    prices = kept.get("prices")
    if isinstance(prices, list) and _mapping(owned.get("f:prices")):
        there = found.get("prices")
        kept["prices"] = [price for price in prices if _item(price, there, ("name", "market")) is not None]
    labels = _mapping(_mapping(live.get("metadata")).get("labels"))
    metadata = _mapping(manifest.get("metadata"))
    stays = {key: labels.get(key, value) for key, value in _mapping(metadata.get("labels")).items()}
    return {**manifest, "metadata": {**metadata, "labels": stays}, "spec": kept}


def _fields(ours: Json, live: Json, owned: Json) -> dict[str, Any]:
    """The fields of an object that no other client owns; of lists with keys, item by item."""
    kept = {}
    for name, value in ours.items():
        tree = owned.get(f"f:{name}")
        if not isinstance(tree, dict):
            kept[name] = value
        elif isinstance(value, dict) and tree:
            kept[name] = _fields(value, _mapping(live.get(name)), tree)
        elif isinstance(value, list) and tree:
            kept[name] = [_list_item(item, live.get(name), tree) for item in value]
    return kept


def _list_item(item: Json, live: Any, owned: Json) -> Json:
    """An item of ours; where another client owns a field of it, what the object has instead of it."""
    for key, tree in _items_of(owned):
        if all(item.get(name) == value for name, value in key.items()):
            there = _item(item, live, tuple(key))
            others = {name.removeprefix("f:") for name in tree if name != "."}
            if not others or there is None:
                return item
            return {name: value for name, value in there.items() if name not in others or name in key}
    return item


def _item(item: Json, live: Any, key: tuple[str, ...]) -> Json | None:
    """The item with the same key in the live object."""
    items = live[:ITEMS_READ] if isinstance(live, list) else ()
    return next((each for each in items if _same(item, _mapping(each), key)), None)


def _same(one: Json, other: Json, key: tuple[str, ...]) -> bool:
    return bool(other) and all(one.get(name) == other.get(name) for name in key)


def _has_owner(source: Json, owned: Json) -> bool:
    """Whether another client owns the figure of a source, like `wattsPerChip` or `taints[nvidia.com/gpu]`."""
    field, _, name = str(source.get("figure")).removesuffix("]").partition("[")
    tree = owned.get(f"f:{field}")
    if not name:
        return isinstance(tree, dict)
    return any(name in key.values() and set(tree) - {"."} for key, tree in _items_of(_mapping(tree)))


def _items_of(owned: Json) -> Iterator[tuple[Json, Json]]:
    """The keys of the items of a list in which others own something, with what they own there."""
    for name, tree in owned.items():
        if name.startswith("k:"):
            try:
                key = json.loads(name.removeprefix("k:"))
            except (ValueError, RecursionError):
                continue
            if isinstance(key, dict) and key:
                yield key, _mapping(tree)


def _owned_by_others(live: Json) -> dict[str, Any]:
    """The tree of the fields of the spec that other clients own."""
    entries = _mapping(live.get("metadata")).get("managedFields")
    owned: dict[str, Any] = {}
    for raw in entries[:ENTRIES_READ] if isinstance(entries, list) else ():
        entry = _mapping(raw)
        if (entry.get("manager"), entry.get("operation")) != (FIELD_MANAGER, "Apply"):
            _add(owned, _mapping(_mapping(entry.get("fieldsV1")).get("f:spec")))
    return owned


def _add(tree: dict[str, Any], more: Json, depth: int = 0) -> None:
    for name, below in more.items():
        if depth < DEEPEST and isinstance(below, dict):
            _add(tree.setdefault(name, {}), below, depth + 1)


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
