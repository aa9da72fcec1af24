"""Whether the resource claims of a pod template are there, and whether a container uses them."""

from collections.abc import Iterator

from poolkeeper.advice.placement.amounts import mapping, mappings
from poolkeeper.advice.placement.remark import Placement, Remark, container_of, line
from poolkeeper.advice.placement.size import PodsAsking
from poolkeeper.advice.placement.units import is_own_device


def claim_remarks(placement: Placement, part: PodsAsking) -> Iterator[Remark]:
    """What is wrong with the claims of one template, or not known of them."""
    for problem in part.claims.all_problems:
        yield Remark(problem.reason, problem.message, holds=False if problem.is_wrong else None)
    used = _used(part)
    for claim in part.claims.claims:
        own = [
            choice
            for request in claim.requests
            for choice in request.choices
            if is_own_device(placement.accelerator, choice.device_class, part.claims.extended)
        ]
        if own and claim.named.name not in used:
            claims = {"claims": [{"name": claim.named.name}]}
            yield Remark(
                "ClaimUnused",
                f"no container uses claim {claim.named.name} ({claim.named}), so its devices reach none: "
                f"write in {container_of(part)} {line('resources', claims)}",
            )
        for product in sorted({choice.product for choice in own} - {""}):
            yield Remark(
                "ProductSelected",
                f"{claim.named} selects the product {product}, which is not compared with the class",
                holds=True,
            )


def _used(part: PodsAsking) -> set[str]:
    containers = (
        *mappings(part.spec.get("containers")),
        *mappings(part.spec.get("initContainers")),
    )
    return {
        str(claim.get("name"))
        for container in containers
        for claim in mappings(mapping(container.get("resources")).get("claims"))
    }
