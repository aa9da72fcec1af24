"""Whether a replica of TPU hosts is a slice: a topology that exists, on its hosts, with all chips of each.

Google's rule: the product of a topology's sides is its chips, and hosts = chips / chips per host. The pod on
each host asks for all chips of the host.
"""

import re
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

from poolkeeper.advice.placement.amounts import Json, mapping, mappings
from poolkeeper.advice.placement.nodes import label_keys, required_terms, values_of
from poolkeeper.advice.placement.remark import Placement, Remark, line, listed
from poolkeeper.advice.placement.size import PodsAsking
from poolkeeper.advice.placement.units import units_of
from poolkeeper.api.accelerator_class import AcceleratorClassSpec

ACCELERATOR_LABEL = "cloud.google.com/gke-tpu-accelerator"
TOPOLOGY_LABEL = "cloud.google.com/gke-tpu-topology"
_TOPOLOGY = re.compile(r"[1-9][0-9]{0,2}(x[1-9][0-9]{0,2}){1,2}", re.ASCII)
SMALLEST_TOPOLOGIES = ("2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4")
"""Examples for a class that lists none; a class without a list has topologies of three sides."""


class Hosts(NamedTuple):
    """One way in which a topology is offered."""

    hosts: int
    chips: int
    """Chips of one host."""


def slice_remarks(placement: Placement) -> Iterator[Remark]:
    """What is wrong with the topology of a replica. Nothing for classes whose nodes GKE does not label, and
    for those that name neither topologies nor machine types."""
    if not (comes_in_slices(placement.accelerator) and _topologies(placement.accelerator)):
        return
    found = {topology_of(part.spec) for part in placement.parts}
    if "" in found or any(ACCELERATOR_LABEL not in label_keys(part.spec) for part in placement.parts):
        yield _missing(placement)
    elif None in found:
        return  # Several topologies are accepted; which one it becomes is not known.
    elif len(found) > 1:
        different = listed(sorted(map(str, found)))
        yield Remark(
            "TopologyMismatch",
            f"the pod templates of one replica select different topologies ({different}), and a replica is "
            f"one slice: write the same {TOPOLOGY_LABEL} in each",
        )
    else:
        yield from _of_topology(placement, str(found.pop()))


def comes_in_slices(accelerator: AcceleratorClassSpec) -> bool:
    """Whether the nodes of a class carry GKE's labels of TPU slices."""
    return any(label.key == ACCELERATOR_LABEL for label in accelerator.node_labels)


def topology_of(pod: Json) -> str | None:
    """The topology that a pod selects: empty where it selects none, None where it accepts several."""
    selector = mapping(pod.get("nodeSelector"))
    if TOPOLOGY_LABEL in selector:
        return str(selector[TOPOLOGY_LABEL])
    found = {
        value
        for term in required_terms(pod)
        for expression in mappings(term.get("matchExpressions"))
        if expression.get("key") == TOPOLOGY_LABEL
        for value in (values_of(expression) if expression.get("operator") == "In" else {"", "any"})
    }
    return "" if not found else found.pop() if len(found) == 1 else None


def offered(accelerator: AcceleratorClassSpec, topology: str) -> list[Hosts]:
    """The ways in which a class has a topology; none where it does not exist."""
    if accelerator.slices:
        return [
            Hosts(each.hosts, each.chips // each.hosts)
            for each in accelerator.slices
            if each.topology == topology
        ]
    if not _TOPOLOGY.fullmatch(topology):
        return []
    chips = prod(map(int, topology.split("x")))
    sizes = {machine.chips for machine in accelerator.machine_types}
    return [Hosts(chips // size, size) for size in sorted(sizes, reverse=True) if chips % size == 0]


def _of_topology(placement: Placement, topology: str) -> Iterator[Remark]:
    ways = offered(placement.accelerator, topology)
    if not ways:
        valid = _topologies(placement.accelerator)
        yield Remark(
            "TopologyUnknown",
            f"class {placement.name} has no topology {topology[:32]}; there are {listed(valid, 12)}: write "
            f"in the pod template {line('nodeSelector', {TOPOLOGY_LABEL: _best(placement) or valid[0]})}",
        )
        return
    pods, chips = _pods(placement), _chips_of_pods(placement)
    if chips is not None and not any(way.hosts == pods and chips == {way.chips} for way in ways):
        yield _mismatch(placement, topology, ways, chips)


def _missing(placement: Placement) -> Remark:
    labels = {label.key: label.values[0] for label in placement.accelerator.node_labels}
    valid = _topologies(placement.accelerator)
    topology = topology_of(placement.parts[0].spec) or _best(placement) or valid[0]
    lines = {ACCELERATOR_LABEL: labels[ACCELERATOR_LABEL], TOPOLOGY_LABEL: topology}
    return Remark(
        "TopologyMissing",
        f"the pod template does not select both the type and the topology of a TPU slice, and GKE admits no "
        f"other pods with TPUs: write in the pod template {line('nodeSelector', lines)} (class "
        f"{placement.name} has {listed(valid, 12)})",
    )


def _mismatch(placement: Placement, topology: str, ways: list[Hosts], chips: set[int]) -> Remark:
    pods = _pods(placement)
    resource = str(placement.accelerator.resource_name)
    way = min(ways, key=lambda each: (each.hosts != pods, chips != {each.chips}))
    each_pod = " or ".join(map(str, sorted(chips)))
    said = (
        f"topology {topology} of class {placement.name} is {_ways(ways)}, and a replica is "
        f"{_number(pods, 'pod')} with {each_pod} of {resource} each: write "
    )
    lines = []
    if way.hosts != pods:
        lines.append(_hosts_lines(placement, way))
    if chips != {way.chips}:
        lines.append(f"in each pod {line('resources', {'limits': {resource: way.chips}})}")
    return Remark("ChipsNotOfSlice", said + " and ".join(lines))


def _hosts_lines(placement: Placement, way: Hosts) -> str:
    match placement.target_kind:
        case "LeaderWorkerSet":
            return line("leaderWorkerTemplate", {"size": way.hosts})
        case "StatefulSet":
            return f"in the pool {line('replicas', {'step': way.hosts})}"
    one_host = _on_one_host(placement.accelerator)
    other = f" (or for one host {line('nodeSelector', {TOPOLOGY_LABEL: one_host})})" if one_host else ""
    return (
        f"a LeaderWorkerSet, since a replica of a {placement.target_kind} is one pod, with "
        f"{line('leaderWorkerTemplate', {'size': way.hosts})}{other}"
    )


def _on_one_host(accelerator: AcceleratorClassSpec) -> str:
    on_one = [
        each for each in _topologies(accelerator) if any(way.hosts == 1 for way in offered(accelerator, each))
    ]
    return on_one[-1] if on_one else ""


def _topologies(accelerator: AcceleratorClassSpec) -> list[str]:
    if accelerator.slices:
        return list(dict.fromkeys(each.topology for each in accelerator.slices))
    return [each for each in SMALLEST_TOPOLOGIES if offered(accelerator, each)]


def _best(placement: Placement) -> str:
    """The topology that has as many hosts as a replica has pods, and the chips that each asks for."""
    pods, chips = _pods(placement), _chips_of_pods(placement)
    for topology in _topologies(placement.accelerator):
        if any(
            way.hosts == pods and chips == {way.chips} for way in offered(placement.accelerator, topology)
        ):
            return topology
    return ""


def _pods(placement: Placement) -> int:
    return sum(part.pods for part in placement.parts)


def _chips_of_pods(placement: Placement) -> set[int] | None:
    """How many chips the pods ask for, each number once; None where that is not known or none asks."""
    found = {_chips(placement, part) for part in placement.parts}
    return None if None in found or found == {0} else {chips for chips in found if chips is not None}


def _chips(placement: Placement, part: PodsAsking) -> int | None:
    return units_of(placement.accelerator, part.amounts, part.claims).chips


def _ways(ways: list[Hosts]) -> str:
    return " or ".join(f"{_number(way.hosts, 'host')} with {_number(way.chips, 'chip')} each" for way in ways)


def _number(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
