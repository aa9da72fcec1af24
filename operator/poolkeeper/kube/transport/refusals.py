"""Refusals of the API server, in words that say what to do about them."""

from poolkeeper.core.values.identity import TargetKey
from poolkeeper.kube.transport.discovery import Resource
from poolkeeper.kube.transport.errors import (
    ApiError,
    KubeFailure,
    NoScaleSubresource,
    TargetForbidden,
    TargetMissing,
)


def refusal_of_target(
    failure: ApiError, target: TargetKey, resource: Resource, verb: str, *, subresource: str = ""
) -> KubeFailure:
    """Why a target could not be read or written; the failure itself where it is not about the target."""
    if failure.status == 403:
        return TargetForbidden(
            f'poolkeeper may not {verb} {resource.plural}{subresource} of API group "{resource.group}" in '
            f'namespace {target.namespace}: add {{apiGroup: "{resource.group}", '
            f"resources: [{resource.plural}]}} to the chart's value targets"
        )
    if failure.status != 404:
        return failure
    if failure.object_name or not subresource:
        return TargetMissing(f"{target} does not exist: create it, or correct targetRef")
    return NoScaleSubresource(
        f"the API server no longer serves {subresource} of {resource.plural} in {resource.api_version}"
    )
