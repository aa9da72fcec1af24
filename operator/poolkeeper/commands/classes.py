"""`poolkeeper classes`: the accelerator classes with what they cost, and the nodes of the cluster that are of
them. Without a cluster, the classes that this version comes with."""

import asyncio
import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from poolkeeper.advice.nodes import Node, matches, read_node
from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.base import API_VERSION, CLASSES
from poolkeeper.api.catalogue import catalogue
from poolkeeper.commands.class_table import Listed, entry, table
from poolkeeper.commands.flags import add_connection_arguments
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.errors import ApiError, ApiUnreachable, CredentialsMissing, KubeFailure
from poolkeeper.kube.transport.fields import mapping, text
from poolkeeper.kube.transport.listing import list_all
from poolkeeper.kube.transport.paths import api_path

OUTPUTS = ("table", "wide", "json", "yaml")
UNREACHED = (
    "The cluster can't be reached ({}): these are the classes of this version's catalogue, without nodes."
)


@dataclass(frozen=True, slots=True)
class Found:
    """The classes by name, the nodes, and what to say about what could not be read."""

    classes: Mapping[str, AcceleratorClassSpec]
    nodes: Sequence[Node] | None
    remarks: tuple[str, ...] = ()


Look = Callable[[Namespace], Coroutine[None, None, Found]]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these classes (default: all)")
    parser.add_argument(
        "-o", "--output", choices=OUTPUTS, default="table", help="form (default: %(default)s)"
    )
    parser.add_argument("--matching", action="store_true", help="only classes that the cluster has nodes of")
    add_connection_arguments(parser)


async def look_at_cluster(args: Namespace) -> Found:
    """The classes and nodes of the cluster, as far as they can be read."""
    try:
        async with await KubeClient.from_environment(args.kubeconfig, args.context) as client:
            classes, remarks = await _classes(client)
            nodes, problem = await _nodes(client)
            return Found(classes, nodes, (*remarks, *problem))
    except (ApiUnreachable, CredentialsMissing) as failure:
        return Found(_catalogue(), None, (UNREACHED.format(failure.message),))


def run(args: Namespace, look: Look = look_at_cluster) -> int:
    """Print the classes. Returns the exit status: 1 where a class that was named does not exist."""
    found = asyncio.run(look(args))
    for remark in found.remarks:
        sys.stderr.write(f"{remark}\n")
    missing = [name for name in args.names if name not in found.classes]
    for name in missing:
        sys.stderr.write(f"Error: there is no class {name!r}\n")
    listed = [each for each in _listed(found) if each.name in args.names or not args.names]
    if args.matching:
        listed = [each for each in listed if each.matches]
    sys.stdout.write(_written(args.output, listed, found.classes))
    return 1 if missing else 0


def _listed(found: Found) -> list[Listed]:
    of_nodes = {} if found.nodes is None else matches(found.classes, found.nodes)
    return [Listed(name, spec, of_nodes.get(name)) for name, spec in sorted(found.classes.items())]


def _written(output: str, listed: Sequence[Listed], classes: Mapping[str, AcceleratorClassSpec]) -> str:
    if output in ("table", "wide"):
        return table(listed, classes, wide=output == "wide") if listed else "No classes found.\n"
    content = {"items": [entry(each, classes) for each in listed]}
    if output == "json":
        return json.dumps(content, indent=2) + "\n"
    return str(yaml.safe_dump(content, sort_keys=False, width=110))


async def _classes(client: KubeClient) -> tuple[dict[str, AcceleratorClassSpec], list[str]]:
    """The classes of the cluster; those of the catalogue where they can't be read."""
    try:
        found, _ = await list_all(client, api_path(API_VERSION, CLASSES), dict)
    except ApiError as failure:
        why = "it does not know AcceleratorClasses" if failure.status == 404 else failure.message
        return _catalogue(), [f"The cluster's classes can't be read ({why}): these are this version's."]
    classes, remarks = {}, []
    for raw in found:
        name = text(mapping(raw.get("metadata")).get("name"))
        try:
            classes[name] = AcceleratorClassSpec.model_validate(raw.get("spec"))
        except ValidationError as failure:
            remarks.append(
                f"Class {name} is left out, it is of another version: {failure.error_count()} errors."
            )
    return classes, remarks


async def _nodes(client: KubeClient) -> tuple[list[Node] | None, list[str]]:
    try:
        nodes, _ = await list_all(client, api_path("v1", "nodes"), read_node)
    except KubeFailure as failure:
        return None, [f"The nodes can't be read: {failure.message}. It needs the right to list nodes."]
    return nodes, []


def _catalogue() -> dict[str, AcceleratorClassSpec]:
    return {
        manifest["metadata"]["name"]: AcceleratorClassSpec.model_validate(manifest["spec"])
        for manifest in catalogue()
    }
