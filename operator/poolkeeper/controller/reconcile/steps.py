"""Targets that are only set in steps: what a write changes in words, and when a part of a replica is made
whole."""

from poolkeeper.kube.objects.scale import Scale


def is_to_complete(scale: Scale | None, most: int) -> bool:
    """Whether the target has a part of a replica, which serves nothing, and may have all of it: another
    writer has set a number that is no multiple of the step."""
    return scale is not None and scale.lacking > 0 and scale.replicas <= most


def change_in_words(before: Scale, after: Scale) -> str:
    """Such as `0 → 1 replicas`, and the pods where those are not as many."""
    if before.step == 1:
        return f"{before.replicas} → {after.replicas} replicas"
    return f"{before.replicas} → {after.replicas} replicas ({before.pods} → {after.pods} pods)"
