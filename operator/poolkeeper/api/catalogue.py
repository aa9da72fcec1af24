"""The AcceleratorClasses that come with the operator, from catalogue.yaml."""

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

import yaml

from poolkeeper.api.base import API_VERSION

Figure = dict[str, Any]
Entry = Mapping[str, Any]

PRODUCT = "nvidia.com/gpu.product"
"""The label in which NVIDIA's GPU feature discovery names a GPU, and says of what the node offers parts."""


def catalogue() -> tuple[Figure, ...]:
    """The manifests of all classes; the same file always gives the same manifests."""
    data = _data()
    return tuple(_manifest(name, entry, data["sources"]) for name, entry in _entries(data))


def notes() -> dict[str, str]:
    """What else there is to know of a class, by its name."""
    return {name: entry["note"] for name, entry in _entries(_data()) if "note" in entry}


def _data() -> Figure:
    data: Figure = yaml.safe_load(files(__package__).joinpath("catalogue.yaml").read_bytes())
    return data


def _entries(data: Entry) -> Iterator[tuple[str, Entry]]:
    """All classes: each is followed by those of its parts."""
    for name, entry in data["classes"].items():
        yield name, entry
        for profile, count in data["mig"].get(name, {}).items():
            yield f"{name}-mig-{profile}", _mig_slice(name, entry, profile, count)
        if name in data["timeSliced"]:
            yield f"{name}-shared", _time_sliced(name, entry)


def _mig_slice(whole: str, entry: Entry, profile: str, count: int) -> Figure:
    """A MIG slice. Where a node offers slices of one size only, it may call them nvidia.com/gpu, and its
    product names them."""
    part = {"class": whole, "kind": "MIG", "profile": profile, "partsPerChip": count}
    return {
        **_of_whole(entry, f"MIG {profile}", f"-MIG-{profile}"),
        "partOf": {"value": part, "from": "mig-profiles"},
        "resourceName": {"value": f"nvidia.com/mig-{profile}", "from": "device-plugin"},
        "otherResourceNames": {"value": ["nvidia.com/gpu"], "from": "device-plugin"},
        "deviceClassNames": {"value": ["mig.nvidia.com"], "from": "nvidia-dra"},
        "memoryGiBPerChip": {"value": int(profile.partition(".")[2].removesuffix("gb")), "from": "mig-names"},
    }


def _time_sliced(whole: str, entry: Entry) -> Figure:
    """A turn on a GPU. A node may call it nvidia.com/gpu as well, and its product says that it is shared."""
    return {
        **_of_whole(entry, "time-sliced", "-SHARED"),
        "partOf": {"value": {"class": whole, "kind": "TimeSliced"}, "from": "device-plugin"},
        "resourceName": {"value": "nvidia.com/gpu.shared", "from": "device-plugin"},
        "otherResourceNames": {"value": ["nvidia.com/gpu"], "from": "device-plugin"},
    }


def _of_whole(entry: Entry, what: str, suffix: str) -> Figure:
    """What a part has from the class of the whole GPU: its nodes. Its price and watts are looked up there."""
    kept = {key: entry[key] for key in ("vendor", "architecture", "taints") if key in entry}
    labels = [
        {**label, "values": [*label["values"], *(f"{value}{suffix}" for value in label["values"])]}
        if label["key"] == PRODUCT
        else label
        for label in entry["nodeLabels"]
    ]
    return {**kept, "displayName": f"{entry['displayName']}, {what}", "nodeLabels": labels}


def _manifest(name: str, entry: Entry, sources: Mapping[str, Figure]) -> Figure:
    spec: Figure = {}
    cited: list[Figure] = []
    for field, value in entry.items():
        if field == "note":
            continue
        if field == "prices":
            # The market is part of a price's key, so it is always there.
            spec[field] = [
                {"market": "OnDemand"} | _without_from(price) | sources[price["from"]] for price in value
            ]
        elif isinstance(value, list):
            spec[field] = [_without_from(item) for item in value]
            cited += [{"figure": f"{field}[{_key(item)}]", **sources[item["from"]]} for item in value]
        elif isinstance(value, dict):
            spec[field] = value["value"]
            cited.append({"figure": field, **sources[value["from"]]})
        else:
            spec[field] = value
    spec["sources"] = cited
    metadata = {"name": name, "labels": {"app.kubernetes.io/managed-by": "poolkeeper"}}
    return {"apiVersion": API_VERSION, "kind": "AcceleratorClass", "metadata": metadata, "spec": spec}


def _key(item: Figure) -> str:
    return str(item.get("key") or item["name"])


def _without_from(item: Figure) -> Figure:
    return {key: value for key, value in item.items() if key != "from"}
