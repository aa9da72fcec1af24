"""The AcceleratorClasses that come with the operator, from catalogue.yaml."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

from poolkeeper.api.base import API_VERSION

Figure = dict[str, Any]


def catalogue() -> tuple[Figure, ...]:
    """The manifests of all classes; the same file always gives the same manifests."""
    data = yaml.safe_load(files(__package__).joinpath("catalogue.yaml").read_bytes())
    return tuple(_manifest(name, entry, data["sources"]) for name, entry in data["classes"].items())


def _manifest(name: str, entry: Mapping[str, Any], sources: Mapping[str, Figure]) -> Figure:
    spec: Figure = {}
    cited: list[Figure] = []
    for field, value in entry.items():
        if field == "prices":
            spec[field] = [_without_from(price) | sources[price["from"]] for price in value]
        elif isinstance(value, list):
            spec[field] = [_without_from(item) for item in value]
            cited += [{"figure": f"{field}[{item['key']}]", **sources[item["from"]]} for item in value]
        elif isinstance(value, dict):
            spec[field] = value["value"]
            cited.append({"figure": field, **sources[value["from"]]})
        else:
            spec[field] = value
    spec["sources"] = cited
    metadata = {"name": name, "labels": {"app.kubernetes.io/managed-by": "poolkeeper"}}
    return {"apiVersion": API_VERSION, "kind": "AcceleratorClass", "metadata": metadata, "spec": spec}


def _without_from(item: Figure) -> Figure:
    return {key: value for key, value in item.items() if key != "from"}
