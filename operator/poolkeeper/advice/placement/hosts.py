"""Whether one pod asks for more chips than a host of its class has, and what it shares with its host."""

from collections.abc import Iterator

from poolkeeper.advice.placement.remark import Placement, Remark, line, listed
from poolkeeper.advice.placement.size import PodsAsking
from poolkeeper.advice.placement.slices import comes_in_slices
from poolkeeper.advice.placement.units import units_of


def host_remarks(placement: Placement, part: PodsAsking) -> Iterator[Remark]:
    """A class may have machine types that it does not list, so this is never certain. A host has as many
    parts of chips as its owner makes; slices of TPUs are judged by their topology."""
    accelerator = placement.accelerator
    chips = units_of(accelerator, part.amounts, part.claims).chips
    largest = max((machine.chips for machine in accelerator.machine_types), default=0)
    is_judged_elsewhere = accelerator.part_of is not None or comes_in_slices(accelerator)
    if is_judged_elsewhere or not largest or chips is None or chips <= largest:
        return
    machines = [machine.name for machine in accelerator.machine_types if machine.chips == largest]
    machine = {"name": "MACHINE-TYPE", "chips": chips}
    yield Remark(
        "HostTooSmall",
        f"a pod asks for {chips} chips, and the largest machine types that class {placement.name} lists have "
        f"{largest} ({listed(machines, 3)}): if there are larger ones, write in the class "
        f"{line('machineTypes', [machine])}, else spread a replica over several pods with a LeaderWorkerSet",
        holds=None,
    )


def host_network_remarks(_: Placement, part: PodsAsking) -> Iterator[Remark]:
    """What follows where pods use the network of their host."""
    if part.spec.get("hostNetwork") is True:
        yield Remark(
            "HostNetwork",
            "its pods use the network of their node (hostNetwork): two pods that listen on the same port "
            "can't share a node, and NetworkPolicies that select pods have no effect on them",
            holds=True,
        )
